# What x86-64 runs for a list of calls (call-list.ts, which holds its bytes; a test assembles this and compares).
#
# int run(struct list *list), by the System V convention. The list: int fd, int number (0 read, 1 write), char *base, int count,
# int room, int unused[2], and count times { uint32 offset; int length, then result }. It makes the calls one after another; after a
# read that fails, or once room bytes have passed, it ends. Returns the calls that it did not make.
# The kernel keeps every register but rax, rcx and r11.

    .intel_syntax noprefix
    endbr64
    push rbx
    mov rbx, rdi
    mov edi, [rbx]
    mov r9, [rbx + 8]
    mov r8d, [rbx + 16]
    lea r10, [rbx + 32]
    lea r8, [r10 + r8 * 8]
next:
    cmp r10, r8
    je done
    mov esi, [r10]
    add rsi, r9
    mov edx, [r10 + 4]
    mov eax, [rbx + 4]
    syscall
    mov [r10 + 4], eax
    add r10, 8
    test eax, eax
    js failed
    sub [rbx + 20], eax
    jg next
    jmp done
failed:
    cmp dword ptr [rbx + 4], 0
    jne next
done:
    mov rax, r8
    sub rax, r10
    shr rax, 3
    pop rbx
    ret
