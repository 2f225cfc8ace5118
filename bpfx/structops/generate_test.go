package structops

// bpf2go can't make these: it reads them with cilium/ebpf, which refuses .struct_ops.
//go:generate clang -O2 -g -Wall -Werror -fdebug-compilation-dir . -target bpfel -c testdata/pair.c -o testdata/pair_bpfel.o
//go:generate clang -O2 -g -Wall -Werror -fdebug-compilation-dir . -target bpfel -DPLAIN -c testdata/pair.c -o testdata/plain_bpfel.o
//go:generate llvm-strip -g testdata/pair_bpfel.o testdata/plain_bpfel.o
