#include "textflag.h"

// func ProbeTarget()
TEXT ·ProbeTarget(SB), NOSPLIT, $0-0
	RET
