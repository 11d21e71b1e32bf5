# SPDX-License-Identifier: MIT
"""fewregisters.py COMMAND…: runs it where ptrace() has no XSAVE state to give (seccomp answers EIO).

A User Mode Linux before 6.13 keeps 2,696 bytes of it. Where the processor has more, AMX's tiles for one, it may not put them
back, and its first process dies. Told that there is none it keeps what FXSAVE knows, so nothing above the 128 bits of SSE: what
runs inside must leave AVX alone, for which NO_AVX in its environment tells the C library."""
import ctypes
import os
import struct
import sys

NO_AVX = "GLIBC_TUNABLES=glibc.cpu.hwcaps=" + ",".join(
    "-" + name for name in ("AVX", "AVX2", "AVX512F", "AVX512VL", "AVX512BW", "AVX_Fast_Unaligned_Load"))

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE_WITH_EIO = 0x7FFF0000, 0x00050005
NUMBER, ARGUMENT_0, ARGUMENT_2 = 0, 16, 32  # in struct seccomp_data
PTRACE, GETREGSET, NT_X86_XSTATE = 101, 0x4204, 0x202


def needed():
    with open("/proc/cpuinfo") as file:
        return any(line.startswith("flags") and " amx_tile" in line for line in file)


def refuse():
    filters = [(LOAD, 0, 0, NUMBER), (JUMP_IF_EQUAL, 0, 5, PTRACE), (LOAD, 0, 0, ARGUMENT_0), (JUMP_IF_EQUAL, 0, 3, GETREGSET),
               (LOAD, 0, 0, ARGUMENT_2), (JUMP_IF_EQUAL, 0, 1, NT_X86_XSTATE), (RETURN, 0, 0, REFUSE_WITH_EIO), (RETURN, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in filters))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(filters), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for words in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_void_p(ctypes.addressof(program)))):
        if prctl(*words) != 0:
            sys.exit(f"fewregisters: prctl: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    refuse()
    os.execvp(sys.argv[1], sys.argv[1:])
