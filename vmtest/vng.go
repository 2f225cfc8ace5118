package main

// target is one kernel to boot.
type target struct {
	Label   string   // what the user called it: a series, vX.Y or a path
	Image   string   // what vng -r takes
	Append  string   // kernel arguments of this kernel
	Modules []string // to load in the guest
	Configs []string // where its config may lie, %s stands for the release
}

// Kernel arguments of every guest. loglevel 5 shows warnings and oopses. cryptomgr.notests saves
// a second of each boot. The blacklist keeps udev from probing the hardware that QEMU invents.
const kernelArgs = "cryptomgr.notests loglevel=5 " +
	"module_blacklist=ahci,libata,sr_mod,sg,kvm,kvm_amd,kvm_intel,ccp,i2c_i801,iTCO_wdt,lpc_ich,pcspkr,psmouse,evdev,qemu_fw_cfg,i6300esb"

// vngArgs builds virtme-ng's command line. command is what the guest runs, as root; an empty
// one means an interactive shell, with shell as the program.
func vngArgs(t target, kvm bool, rwdir, command, shell string) []string {
	args := []string{"-r", t.Image, "--force-9p", "-m", "1G", "--user", "root", "--rwdir=" + rwdir, "--append", kernelArgs}
	if t.Append != "" {
		args = append(args, "--append", t.Append)
	}
	if kvm {
		args = append(args, "--cpus", "2")
	} else {
		// QEMU 7.2's emulation miscompiles cmpxchg16b, and races in text patching with two CPUs.
		args = append(args, "--disable-kvm", "--cpus", "1", "--qemu-opts=-cpu qemu64,-cx16")
	}
	if command == "" {
		return append(args, "--shell", shell)
	}
	return append(args, "-v", "-e", command)
}

// guestCommand is what the guest runs: the runner itself, exe, with the run's directory.
func guestCommand(exe, dir string) string { return exe + " guest " + dir }
