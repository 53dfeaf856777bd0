/* Shows LeakSanitizer the memory of APR's pools, so that what only they point to is no leak.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Some builds of APR (Debian's) map their pools' memory instead of asking malloc for it.
 * LeakSanitizer looks for pointers in what malloc gave, in globals and on stacks, and nowhere else: in a
 * child, which ends without destroying what it inherited, it takes all that pools hold for lost.
 *
 * Loaded before libasan, whose own mmap would otherwise be found first. */
#define _GNU_SOURCE
#include <link.h>
#include <sanitizer/lsan_interface.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static uintptr_t apr_begin, apr_end;

static int find_apr(struct dl_phdr_info *library, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (strstr(library->dlpi_name, "/libapr-1.") == NULL) {
        return 0;
    }
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            apr_begin = library->dlpi_addr + segment->p_vaddr;
            apr_end = apr_begin + segment->p_memsz;
        }
    }
    return 1;
}

/* libasan, which this library names as needed, is ready by then; APR is in use only later. */
__attribute__((constructor)) static void be_ready(void)
{
    dl_iterate_phdr(find_apr, NULL);
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    /* the system call itself: to look for the next mmap might allocate, and so come back here */
    void *memory = (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    /* not for others: libasan maps memory while it holds the lock that is taken here */
    if (memory != MAP_FAILED && file == -1 && caller >= apr_begin && caller < apr_end) {
        __lsan_register_root_region(memory, length);
    }
    return memory;
}
