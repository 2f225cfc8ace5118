package structops

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func notLinux(err error) error { return err }

func setTCPCC(fd int, name string) error {
	if name == "" || strings.IndexByte(name, 0) >= 0 || len(name) > 15 {
		return errors.New("a name has 1 to 15 characters")
	}
	err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("none of that name is registered, there is %s: %w", listOr(AvailableTCPCC), err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("it takes CAP_NET_ADMIN, or one of the allowed %s (sysctl net.ipv4.tcp_allowed_congestion_control, or the flag TCP_CONG_NON_RESTRICTED): %w",
			listOr(AllowedTCPCC), err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("it is just being unregistered, or the socket's is being set: %w", err)
	case errors.Is(err, unix.ENOPROTOOPT), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("it isn't a TCP socket: %w", err)
	}
	return err
}

func listOr(list func() ([]string, error)) string {
	names, err := list()
	if err != nil {
		return "a list that can't be read"
	}
	return strings.Join(names, ", ")
}

func getTCPCC(fd int) (string, error) {
	name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	name, _, _ = strings.Cut(name, "\x00") // the kernel pads it
	return name, err
}

func getTCPInfo(fd int) (TCPStats, error) {
	i, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return TCPStats{}, err
	}
	return TCPStats{
		Cwnd:         i.Snd_cwnd,
		Ssthresh:     i.Snd_ssthresh,
		MSS:          i.Snd_mss,
		RTT:          time.Duration(i.Rtt) * time.Microsecond,
		RTTVar:       time.Duration(i.Rttvar) * time.Microsecond,
		Unacked:      i.Unacked,
		Lost:         i.Lost,
		Retransmits:  i.Total_retrans,
		Acked:        i.Bytes_acked,
		PacingRate:   i.Pacing_rate,
		DeliveryRate: i.Delivery_rate,
		State:        i.Ca_state,
	}, nil
}
