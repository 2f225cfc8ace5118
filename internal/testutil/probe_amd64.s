#include "textflag.h"

// func ProbeTarget()
TEXT ·ProbeTarget(SB), NOSPLIT, $0-0
	RET

// func probeAddress() uintptr
TEXT ·probeAddress(SB), NOSPLIT, $0-8
	LEAQ ·ProbeTarget(SB), AX
	MOVQ AX, ret+0(FP)
	RET
