package structops

// TCPCongestionOps are the rules of tcp_congestion_ops: a TCP congestion
// control. Sources are include/net/tcp.h, net/ipv4/bpf_tcp_ca.c and
// net/ipv4/tcp_cong.c of Linux 5.6 to 7.3; tests compare them with the BTF and
// the verdicts of kernels.
//
// A callback runs in softirq context with the socket locked. Its struct sock *
// may be read as a struct tcp_sock *.
var TCPCongestionOps = &Rules{
	Type: "tcp_congestion_ops",
	Members: []MemberRule{
		{Name: "cong_avoid", Return: "void", Args: []string{"struct sock *sk", "u32 ack", "u32 acked"}, Need: Required, Until: "6.0",
			Doc: "grows snd_cwnd after acked packets were acknowledged; needed even with cong_control"},
		{Name: "cong_avoid", Return: "void", Args: []string{"struct sock *sk", "u32 ack", "u32 acked"}, Need: Either, Since: "6.0",
			Doc: "grows snd_cwnd after acked packets were acknowledged; this or cong_control"},
		{Name: "cong_control", Return: "void", Args: []string{"struct sock *sk", "const struct rate_sample *rs"}, Need: Optional, Until: "6.0",
			Doc: "sets snd_cwnd and the pacing rate after each acknowledgement, in place of cong_avoid"},
		{Name: "cong_control", Return: "void", Args: []string{"struct sock *sk", "const struct rate_sample *rs"}, Need: Either, Since: "6.0", Until: "6.10",
			Doc: "sets snd_cwnd and the pacing rate after each acknowledgement, in place of cong_avoid"},
		{Name: "cong_control", Return: "void", Args: []string{"struct sock *sk", "u32 ack", "int flag", "const struct rate_sample *rs"}, Need: Either, Since: "6.10",
			Doc: "sets snd_cwnd and the pacing rate after each acknowledgement, in place of cong_avoid"},
		{Name: "ssthresh", Return: "u32", Args: []string{"struct sock *sk"}, Need: Required,
			Doc: "returns the slow start threshold after a loss, in segments"},
		{Name: "set_state", Return: "void", Args: []string{"struct sock *sk", "u8 new_state"}, Need: Optional,
			Doc: "is called before the state (enum tcp_ca_state) changes"},
		{Name: "cwnd_event", Return: "void", Args: []string{"struct sock *sk", "enum tcp_ca_event ev"}, Need: Optional,
			Doc: "is called on events such as CA_EVENT_LOSS; from 7.1 on not on CA_EVENT_TX_START"},
		{Name: "cwnd_event_tx_start", Return: "void", Args: []string{"struct sock *sk"}, Need: Optional, Since: "7.1",
			Doc: "is called when a transfer starts while nothing is in flight"},
		{Name: "in_ack_event", Return: "void", Args: []string{"struct sock *sk", "u32 flags"}, Need: Optional,
			Doc: "is called when an acknowledgement arrives (enum tcp_ca_ack_event_flags)"},
		{Name: "pkts_acked", Return: "void", Args: []string{"struct sock *sk", "const struct ack_sample *sample"}, Need: Optional,
			Doc: "gets the number of packets that were acknowledged, and their round-trip time"},
		{Name: "min_tso_segs", Return: "u32", Args: []string{"struct sock *sk"}, Need: Optional,
			Doc: "returns the least number of segments per offloaded packet"},
		{Name: "undo_cwnd", Return: "u32", Args: []string{"struct sock *sk"}, Need: Required,
			Doc: "returns snd_cwnd after a loss turned out to be none, in segments"},
		{Name: "sndbuf_expand", Return: "u32", Args: []string{"struct sock *sk"}, Need: Optional,
			Doc: "returns by which factor of snd_cwnd the send buffer grows"},
		{Name: "get_info", Return: "size_t", Args: []string{"struct sock *sk", "u32 ext", "int *attr", "union tcp_cc_info *info"}, Need: Unsupported,
			Doc: "fills what INET_DIAG shows"},
		{Name: "name", Return: "char[16]", Need: Required,
			Doc: "is what sockets ask for: 1 to 15 of A-Z a-z 0-9 _ ."},
		{Name: "owner", Return: "struct module *", Need: Zero, Doc: "is set by the kernel"},
		{Name: "list", Return: "struct list_head", Need: Zero, Doc: "is set by the kernel"},
		{Name: "key", Return: "u32", Need: Zero, Doc: "is the hash of the name, set by the kernel"},
		{Name: "flags", Return: "u32", Need: Optional, Doc: "is a set of TCP_CONG_ bits"},
		{Name: "init", Return: "void", Args: []string{"struct sock *sk"}, Need: Optional,
			Doc: "is called when a socket starts to use the congestion control"},
		{Name: "release", Return: "void", Args: []string{"struct sock *sk"}, Need: Optional,
			Doc: "is called when a socket no longer uses it"},
	},
	Flags: []FlagRule{
		{Name: "TCP_CONG_NON_RESTRICTED", Bit: 1 << 0, Doc: "any user may choose it"},
		{Name: "TCP_CONG_NEEDS_ECN", Bit: 1 << 1, Doc: "connections ask for explicit congestion notification (ECN)"},
		{Name: "TCP_CONG_NEEDS_ACCECN", Bit: 1 << 2, Since: "6.18", Doc: "connections ask for accurate ECN"},
		{Name: "TCP_CONG_ECT_1_NEGOTIATION", Bit: 1 << 3, Since: "6.18", Doc: "packets of the handshake are ECT(1)"}, //nolint:misspell // ECN-capable transport
		{Name: "TCP_CONG_NO_FALLBACK_RFC3168", Bit: 1 << 4, Since: "6.18", Doc: "there is no fall back to the older ECN"},
	},
}
