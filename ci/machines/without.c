/*
 * without CALL PROGRAM ARGUMENTS...: runs the program on a kernel that does not know
 * the system call (rseq or membarrier), as far as it and its children can tell.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_rseq
#ifdef __aarch64__
#define SYS_rseq 293
#else
#define SYS_rseq 334
#endif
#endif

int main(int argc, char **argv)
{
    if (argc < 3 || (strcmp(argv[1], "rseq") && strcmp(argv[1], "membarrier"))) {
        fprintf(stderr, "without rseq|membarrier PROGRAM ARGUMENTS...\n");
        return 2;
    }
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argv[1][0] == 'r' ? SYS_rseq : SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("filter");
        return 2;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 2;
}
