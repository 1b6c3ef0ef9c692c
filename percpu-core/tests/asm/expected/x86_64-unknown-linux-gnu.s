; rustc 1.95.0, x86_64-unknown-linux-gnu, --release: ci/asm.sh --bless

inc_static:
	push rax
	mov rax, qword ptr [rip + _ZN5paths4WORDE+24]
	test rax, rax
	je L1
L2:
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov rdx, qword ptr [rcx]
	test rdx, rdx
	je L7
	lea rdi, [rip + L8]
	mov qword ptr fs:[rdx + 8], rdi
L3:
	movzx esi, word ptr fs:[rdx + 4]
	mov rdx, qword ptr [rcx + 8*rsi + 40]
	test rdx, rdx
	je L7
	add rdx, rax
	add qword ptr [rdx], 1
L4:
L5:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L6	; out of line
	pop rax
	ret
L1:
	lea rdi, [rip + _ZN5paths4WORDE]
	call qword ptr [rip + _ZN11percpu_core4home13Home$LT$T$GT$9first_useE@GOTPCREL]
	jmp L2
L7:
	mov rdi, rax
	pop rax
	jmp qword ptr [rip + _ZN11percpu_core4word4coldE@GOTPCREL]

inc:
	push rax
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
L2:
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov rdx, qword ptr [rcx]
	test rdx, rdx
	je L7
	lea rdi, [rip + L8]
	mov qword ptr fs:[rdx + 8], rdi
L3:
	movzx esi, word ptr fs:[rdx + 4]
	mov rdx, qword ptr [rcx + 8*rsi + 40]
	test rdx, rdx
	je L7
	add rdx, rax
	add qword ptr [rdx], 1
L4:
L5:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L6	; out of line
	pop rax
	ret
L1:
	call qword ptr [rip + _ZN11percpu_core4home13Home$LT$T$GT$9first_useE@GOTPCREL]
	jmp L2
L7:
	mov rdi, rax
	pop rax
	jmp qword ptr [rip + _ZN11percpu_core4word4coldE@GOTPCREL]

add:
	push rbx
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
L2:
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov rdx, qword ptr [rcx]
	test rdx, rdx
	je L7
	lea r8, [rip + L8]
	mov qword ptr fs:[rdx + 8], r8
L3:
	movzx edi, word ptr fs:[rdx + 4]
	mov rdx, qword ptr [rcx + 8*rdi + 40]
	test rdx, rdx
	je L7
	add rdx, rax
	add qword ptr [rdx], rsi
L4:
L5:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L6	; out of line
	pop rbx
	ret
L1:
	mov rbx, rsi
	call qword ptr [rip + _ZN11percpu_core4home13Home$LT$T$GT$9first_useE@GOTPCREL]
	mov rsi, rbx
	jmp L2
L7:
	mov rdi, rax
	mov rdx, rsi
	pop rbx
	jmp qword ptr [rip + _ZN11percpu_core4word4coldE@GOTPCREL]

add_u32:
	push rbx
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
L2:
	mov ecx, esi
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov rdi, qword ptr [rdx]
	test rdi, rdi
	je L7
	lea r9, [rip + L8]
	mov qword ptr fs:[rdi + 8], r9
L3:
	movzx r8d, word ptr fs:[rdi + 4]
	mov rdi, qword ptr [rdx + 8*r8 + 40]
	test rdi, rdi
	je L7
	add rdi, rax
	add dword ptr [rdi], ecx
L4:
L5:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L6	; out of line
	pop rbx
	ret
L1:
	mov ebx, esi
	call qword ptr [rip + _ZN11percpu_core4home13Home$LT$T$GT$9first_useE@GOTPCREL]
	mov esi, ebx
	jmp L2
L7:
	mov rdi, rax
	mov edx, esi
	pop rbx
	jmp qword ptr [rip + _ZN11percpu_core4word4coldE@GOTPCREL]

fetch_add:
	push rbx
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov rdi, qword ptr [rdx]
	test rdi, rdi
	je L6
	lea r9, [rip + L7]
	mov qword ptr fs:[rdi + 8], r9
L2:
	movzx r8d, word ptr fs:[rdi + 4]
	mov rdi, qword ptr [rdx + 8*r8 + 40]
	test rdi, rdi
	je L6
	add rdi, rax
	mov rcx, qword ptr [rdi]
	mov r9, rcx
	add r9, rsi
	mov qword ptr [rdi], r9
L3:
L4:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L5	; out of line
L6:
	test rdi, rdi
	je L8
L9:
	mov rax, rcx
	pop rbx
	ret
L1:
	mov rbx, rsi
	call qword ptr [rip + _ZN11percpu_core4home13Home$LT$T$GT$9first_useE@GOTPCREL]
	mov rsi, rbx
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L10
	; descriptor L11-L10
	; descriptor L12
L13:
	mov rdi, qword ptr [rdx]
	test rdi, rdi
	je L14
	lea r9, [rip + L15]
	mov qword ptr fs:[rdi + 8], r9
L10:
	movzx r8d, word ptr fs:[rdi + 4]
	mov rdi, qword ptr [rdx + 8*r8 + 40]
	test rdi, rdi
	je L14
	add rdi, rax
	mov rcx, qword ptr [rdi]
	mov r9, rcx
	add r9, rsi
	mov qword ptr [rdi], r9
L11:
L12:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L13	; out of line
L14:
	test rdi, rdi
	jne L9
L8:
	mov rdi, rax
	mov rdx, rsi
	pop rbx
	jmp qword ptr [rip + _ZN11percpu_core4word4coldE@GOTPCREL]

compare_exchange:
	push r14
	push rbx
	push rax
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
L2:
	mov rdi, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov r9, qword ptr [rdi]
	test r9, r9
	je L7
	lea r10, [rip + L8]
	mov qword ptr fs:[r9 + 8], r10
L3:
	movzx r8d, word ptr fs:[r9 + 4]
	mov r9, qword ptr [rdi + 8*r8 + 40]
	test r9, r9
	je L7
	add r9, rax
	mov rcx, qword ptr [r9]
	cmp rcx, rsi
	jne L7
	mov qword ptr [r9], rdx
L4:
L5:
	lock inc qword ptr [rdi + 8]	; out of line
	jmp L6	; out of line
L7:
	xor edi, edi
	cmp rcx, rsi
	setne r8b
	test r9, r9
	je L9
	mov dil, r8b
L10:
	mov rax, rdi
	mov rdx, rcx
	add rsp, 8
	pop rbx
	pop r14
	ret
L1:
	mov rbx, rdx
	mov r14, rsi
	call qword ptr [rip + _ZN11percpu_core4home13Home$LT$T$GT$9first_useE@GOTPCREL]
	mov rsi, r14
	mov rdx, rbx
	jmp L2
L9:
	mov rdi, rax
	mov rcx, rsi
	mov r8, rdx
	call qword ptr [rip + _ZN11percpu_core4word4coldE@GOTPCREL]
	mov rdi, rax
	mov rcx, rdx
	jmp L10

try_lock:
	push r14
	push rbx
	sub rsp, 40
	mov rcx, rdi
	mov rax, qword ptr [rsi + 24]
	test rax, rax
	je L1
	mov r8, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov edi, 1
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov rdx, qword ptr [r8]
	test rdx, rdx
	je L6
	lea r10, [rip + L7]
	mov qword ptr fs:[rdx + 8], r10
L2:
	movzx r9d, word ptr fs:[rdx + 4]
	mov rdx, qword ptr [r8 + 8*r9 + 40]
	test rdx, rdx
	je L6
	add rdx, rax
	cmp dword ptr [rdx + 4], 0
	jne L6
	cmp dword ptr [rdx], 0
	jne L6
	mov dword ptr [rdx], 1
L3:
	xor edi, edi
L4:
	lock inc qword ptr [r8 + 8]	; out of line
	jmp L5	; out of line
L6:
	test rdx, rdx
	je L1
	test edi, edi
	je L8
	mov byte ptr [rcx + 16], 4
	jmp L9
L8:
	movq xmm0, rdx
	mov al, 2
L10:
	movdqu xmmword ptr [rcx], xmm0
	mov byte ptr [rcx + 16], al
L9:
	mov rax, rcx
	add rsp, 40
	pop rbx
	pop r14
	ret
L1:
	mov r14, rcx
	lea rdi, [rsp + 8]
	call qword ptr [rip + _ZN11percpu_core10local_lock96_$LT$impl$u20$percpu_core..copies..Copies$LT$percpu_core..local_lock..LocalLock$LT$T$GT$$GT$$GT$12attempt_coldE@GOTPCREL]
	cmp byte ptr [rsp + 8], 0
	je L11
	mov rbx, qword ptr [rsp + 24]
	movzx eax, byte ptr [rsp + 32]
	mov rcx, r14
	mov byte ptr [r14 + 16], 4
	cmp al, 1
	ja L9
	test al, 1
	jne L12
	mov rax, qword ptr [rip + _RNvNtNtCs_3std9panicking11panic_count18GLOBAL_PANIC_COUNT@GOTPCREL]
	mov rax, qword ptr [rax]
	shl rax
	test rax, rax
	jne L13
L12:
	xor eax, eax
	xchg dword ptr [rbx], eax
	cmp eax, 2
	jne L9
	mov rdi, rbx
	mov rbx, rcx
	call qword ptr [rip + _RNvMNtNtNtNtCs_3std3sys4sync5mutex5futexNtB2_5Mutex4wake@GOTPCREL]
	mov rax, rbx
	add rsp, 40
	pop rbx
	pop r14
	ret
L11:
	movdqu xmm0, xmmword ptr [rsp + 16]
	movzx eax, byte ptr [rsp + 32]
	mov rcx, r14
	jmp L10
L13:
	call qword ptr [rip + _RNvNtNtCs_3std9panicking11panic_count17is_zero_slow_path@GOTPCREL]
	mov rcx, r14
	test al, al
	jne L12
	mov byte ptr [rbx + 4], 1
	jmp L12

unlock:
	push rbp
	push rbx
	push rax
	mov rax, rdi
	mov rdi, qword ptr [rdi]
	mov rbx, qword ptr [rax + 8]
	movzx ebp, byte ptr [rax + 16]
	mov eax, ebp
	sub al, 2
	movzx ecx, al
	mov eax, 2
	cmovae eax, ecx
	test al, al
	je L1
	movzx eax, al
	cmp eax, 1
	jne L2
	xor eax, eax
	xchg dword ptr [rdi], eax
	cmp eax, 2
	je L3
	jmp L4
L1:
	mov dword ptr [rdi], 0
	mov eax, dword ptr [rdi + 8]
	test eax, eax
	jne L3
	jmp L4
L2:
	mov dword ptr [rdi + 4], 0
	lock or dword ptr [rsp - 64], 0
	mov eax, dword ptr [rdi + 8]
	test eax, eax
	je L4
	add rdi, 4
L3:
	call qword ptr [rip + _ZN11percpu_core3sys4sync8wake_allE@GOTPCREL]
L4:
	cmp bpl, 1
	ja L5
	test bpl, 1
	jne L6
	mov rax, qword ptr [rip + _RNvNtNtCs_3std9panicking11panic_count18GLOBAL_PANIC_COUNT@GOTPCREL]
	mov rax, qword ptr [rax]
	shl rax
	test rax, rax
	jne L7
L6:
	xor eax, eax
	xchg dword ptr [rbx], eax
	cmp eax, 2
	je L8
L5:
	add rsp, 8
	pop rbx
	pop rbp
	ret
L8:
	mov rdi, rbx
	add rsp, 8
	pop rbx
	pop rbp
	jmp qword ptr [rip + _RNvMNtNtNtNtCs_3std3sys4sync5mutex5futexNtB2_5Mutex4wake@GOTPCREL]
L7:
	call qword ptr [rip + _RNvNtNtCs_3std9panicking11panic_count17is_zero_slow_path@GOTPCREL]
	test al, al
	jne L6
	mov byte ptr [rbx + 4], 1
	jmp L6
