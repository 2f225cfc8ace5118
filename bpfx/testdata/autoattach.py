# Loads an object with libbpf, attaches all its programs by their section names
# and pins the links in a new directory, as bpftool prog loadall OBJ DIR
# autoattach does where bpftool is new enough (7.1 is not).
#
#     python3 autoattach.py OBJECT DIRECTORY

import ctypes
import os
import sys

lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
for name in ("bpf_object__open_file", "bpf_object__next_program", "bpf_program__attach"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.bpf_program__name.restype = ctypes.c_char_p


def check(ok, what):
    if not ok:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


path, directory = sys.argv[1:]
obj = ctypes.c_void_p(lib.bpf_object__open_file(path.encode(), None))
check(obj, f"open {path}")
check(lib.bpf_object__load(obj) == 0, f"load {path}")
os.mkdir(directory)
prog = ctypes.c_void_p(lib.bpf_object__next_program(obj, None))
while prog:
    name = lib.bpf_program__name(prog).decode()
    link = ctypes.c_void_p(lib.bpf_program__attach(prog))
    check(link, f"attach {name}")
    check(lib.bpf_link__pin(link, os.path.join(directory, name).encode()) == 0, f"pin {name}")
    prog = ctypes.c_void_p(lib.bpf_object__next_program(obj, prog))
