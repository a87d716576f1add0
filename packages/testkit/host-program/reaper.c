/*
 * reaper COMMAND ARGUMENTS...: runs a command and takes over every process that the command's descendants leave behind,
 * so that their ends are noticed at once. Ends when none is left.
 *
 * libvirtd starts QEMU as a daemon, which hands it to the machine's first process, and then waits for a stopped QEMU to
 * vanish from the process table. How soon that happens is up to that first process: in containers and small virtual
 * machines it may look only once a second, which every migration and every destroy would then take longer.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: reaper COMMAND ARGUMENTS...\n");
    return 2;
  }
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    perror("reaper: prctl");
    return 1;
  }
  pid_t command = fork();
  if (command < 0) {
    perror("reaper: fork");
    return 1;
  }
  if (command == 0) {
    execvp(argv[1], argv + 1);
    perror("reaper: exec");
    _exit(127);
  }
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
  }
  return 0;
}
