#include "textflag.h"

// func ProbeTarget()
TEXT ·ProbeTarget(SB), NOSPLIT, $0-0
	RET

// func probeAddress() uintptr
TEXT ·probeAddress(SB), NOSPLIT, $0-8
	MOVD $·ProbeTarget(SB), R0
	MOVD R0, ret+0(FP)
	RET
