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

try_lock:
	push r14
	push rbx
	sub rsp, 40
	mov rcx, rdi
	mov rdx, qword ptr [rsi + 24]
	test rdx, rdx
	je L1
	mov r8, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov edi, 1
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov rax, qword ptr [r8]
	test rax, rax
	je L6
	lea r10, [rip + L7]
	mov qword ptr fs:[rax + 8], r10
L2:
	movzx r9d, word ptr fs:[rax + 4]
	mov rax, qword ptr [r8 + 8*r9 + 40]
	test rax, rax
	je L6
	add rax, rdx
	cmp dword ptr [rax + 4], 0
	jne L6
	cmp dword ptr [rax], 0
	jne L6
	mov dword ptr [rax], 1
L3:
	xor edi, edi
L4:
	lock inc qword ptr [r8 + 8]	; out of line
	jmp L5	; out of line
L6:
	test rax, rax
	je L1
	test edi, edi
	je L8
	mov byte ptr [rcx + 24], 4
	jmp L9
L8:
	mov dl, 2
L10:
	mov rdi, qword ptr [rsp + 24]
	mov qword ptr [rcx], rax
	mov qword ptr [rcx + 8], rsi
	mov qword ptr [rcx + 16], rdi
	mov byte ptr [rcx + 24], dl
L9:
	mov rax, rcx
	add rsp, 40
	pop rbx
	pop r14
	ret

push:
	mov rdx, rsi
	mov rax, qword ptr [rdi]
	lea rcx, [rdi + 16]
	mov rsi, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	mov r8, qword ptr [rsi]
	test r8, r8
	je L5
	lea r10, [rip + L6]
	mov qword ptr fs:[r8 + 8], r10
L1:
	movzx r9d, word ptr fs:[r8 + 4]
	mov r8, qword ptr [rsi + 8*r9 + 40]
	test r8, r8
	je L5
	add r8, rax
	mov r9, qword ptr [r8]
	cmp r9, qword ptr [rcx]
	jae L5
	mov qword ptr [r8 + 8*r9 + 8], rdx
	add r9, 1
	mov qword ptr [r8], r9
L2:
L3:
	lock inc qword ptr [rsi + 8]	; out of line
	jmp L4	; out of line
	xor eax, eax
	ret

pop:
	mov rax, qword ptr [rdi]
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	mov rsi, qword ptr [rcx]
	test rsi, rsi
	je L5
	lea r9, [rip + L6]
	mov qword ptr fs:[rsi + 8], r9
L1:
	movzx r8d, word ptr fs:[rsi + 4]
	mov rsi, qword ptr [rcx + 8*r8 + 40]
	test rsi, rsi
	je L5
	add rsi, rax
	mov r8, qword ptr [rsi]
	sub r8, 1
	js L7
	mov rdx, qword ptr [rsi + 8*r8 + 8]
	mov qword ptr [rsi], r8
L2:
L3:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L4	; out of line
L7:
	xor esi, esi	; out of line
	jmp L5	; out of line
L5:
	test rsi, rsi
	je L8
	mov eax, 1
	ret

push_batch:
	push rbp
	push r15
	push r14
	push r12
	push rbx
	mov rcx, qword ptr [rsi]
	lea r8, [rsi + 16]
	mov r9, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov r10d, 30
	mov r11d, 30
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	mov rbx, qword ptr [r9]
	test rbx, rbx
	je L5
	lea r14, [rip + L6]
	mov qword ptr fs:[rbx + 8], r14
L1:
	movzx ebp, word ptr fs:[rbx + 4]
	mov rbx, qword ptr [r9 + 8*rbp + 40]
	test rbx, rbx
	je L5
	add rbx, rcx
	mov rax, qword ptr [rbx]
	mov rbp, rax
	test rax, rax
	js L5
	xor eax, eax
	mov r15, qword ptr [r8]
	sub r15, rbp
	jbe L5
	cmp r15, r10
	cmova r15, r10
	cmp r15, r11
	jb L5
	mov eax, r15d
	lea r12, [rbx + 8*rbp]
L7:
	mov r14, qword ptr [rdx + 8*r15 - 8]
	mov qword ptr [r12 + 8*r15], r14
	dec r15d
	jne L7
	add ebp, eax
	mov qword ptr [rbx], rbp
L2:
L3:
	lock inc qword ptr [r9 + 8]	; out of line
	jmp L4	; out of line
L5:
	test rbx, rbx
	je L8
	mov rcx, rax
	shr rcx, 63
	test rax, rax
	setle byte ptr [rdi]
	mov byte ptr [rdi + 1], cl
	mov qword ptr [rdi + 8], rax
	mov rax, rdi
L9:
	pop rbx
	pop r12
	pop r14
	pop r15
	pop rbp
	ret

pop_batch:
	push rbp
	push r15
	push r14
	push rbx
	push rax
	mov rcx, qword ptr [rsi]
	mov r8, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov r9d, 30
	mov r10d, 1
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	mov r11, qword ptr [r8]
	test r11, r11
	je L5
	lea rbp, [rip + L6]
	mov qword ptr fs:[r11 + 8], rbp
L1:
	movzx ebx, word ptr fs:[r11 + 4]
	mov r11, qword ptr [r8 + 8*rbx + 40]
	test r11, r11
	je L5
	add r11, rcx
	mov rax, qword ptr [r11]
	mov rbx, rax
	test rax, rax
	js L5
	xor eax, eax
	mov r14d, ebx
	cmp r14, r9
	cmova r14, r9
	cmp r14, r10
	jb L5
	mov eax, r14d
	sub ebx, r14d
	lea r15, [r11 + 8*rbx]
L7:
	mov rbp, qword ptr [r15 + 8*r14]
	mov qword ptr [rdx + 8*r14 - 8], rbp
	dec r14d
	jne L7
	mov qword ptr [r11], rbx
L2:
L3:
	lock inc qword ptr [r8 + 8]	; out of line
	jmp L4	; out of line
L5:
	test r11, r11
	je L8
	mov rcx, rax
	shr rcx, 63
	test rax, rax
	setle byte ptr [rdi]
	mov byte ptr [rdi + 1], cl
	mov qword ptr [rdi + 8], rax
	mov rax, rdi
L9:
	add rsp, 8
	pop rbx
	pop r14
	pop r15
	pop rbp
	ret

pair_swap:
	push r14
	push rbx
	push rax
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
	mov r8, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov r9, qword ptr [r8]
	test r9, r9
	je L6
	lea r11, [rip + L7]
	mov qword ptr fs:[r9 + 8], r11
L2:
	movzx r10d, word ptr fs:[r9 + 4]
	mov r9, qword ptr [r8 + 8*r10 + 40]
	test r9, r9
	je L6
	add r9, rax
	mov r10, qword ptr [r9 + 32]
	mov r11, r10
	and r11d, 1
	shl r11d, 4
	mov rdi, qword ptr [r9 + r11]
	mov rcx, qword ptr [r9 + r11 + 8]
	xor r11d, 16
	mov qword ptr [r9 + r11], rsi
	mov qword ptr [r9 + r11 + 8], rdx
	inc r10
	mov qword ptr [r9 + 32], r10
L3:
L4:
	lock inc qword ptr [r8 + 8]	; out of line
	jmp L5	; out of line
L6:
	test r9, r9
	je L8
L9:
	mov rax, rdi
	mov rdx, rcx
	add rsp, 8
	pop rbx
	pop r14
	ret

pair_compare_exchange:
	push rbp
	push r15
	push r14
	push r13
	push r12
	push rbx
	sub rsp, 72
	mov rax, rdi
	mov rdi, qword ptr [rsi + 24]
	test rdi, rdi
	je L1
	mov r11, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov rbx, qword ptr [r11]
	test rbx, rbx
	je L6
	lea r14, [rip + L7]
	mov qword ptr fs:[rbx + 8], r14
L2:
	movzx ebp, word ptr fs:[rbx + 4]
	mov rbx, qword ptr [r11 + 8*rbp + 40]
	test rbx, rbx
	je L6
	add rbx, rdi
	mov rbp, qword ptr [rbx + 32]
	mov r14, rbp
	and r14d, 1
	shl r14d, 4
	mov rsi, qword ptr [rbx + r14]
	mov r10, qword ptr [rbx + r14 + 8]
	cmp rsi, rdx
	jne L6
	cmp r10, rcx
	jne L6
	xor r14d, 16
	mov qword ptr [rbx + r14], r8
	mov qword ptr [rbx + r14 + 8], r9
	inc rbp
	mov qword ptr [rbx + 32], rbp
L3:
L4:
	lock inc qword ptr [r11 + 8]	; out of line
	jmp L5	; out of line
L6:
	test rbx, rbx
	je L8
L9:
	xor rdx, rsi
	xor rcx, r10
	xor edi, edi
	or rcx, rdx
	setne dil
	mov qword ptr [rax + 8], rsi
	mov qword ptr [rax + 16], r10
	mov qword ptr [rax], rdi
	add rsp, 72
	pop rbx
	pop r12
	pop r13
	pop r14
	pop r15
	pop rbp
	ret

list_push:
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
	mov ecx, 1
	cmp dword ptr [rdi + 8], 0
	jne L6
	mov r8, qword ptr [rdi]
	mov qword ptr [rsi], r8
	xor ecx, ecx
	mov qword ptr [rdi], rsi
L3:
L4:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L5	; out of line
L6:
	test rdi, rdi
	je L8
L9:
	test rcx, rcx
	je L10
L11:
	mov rax, rsi
	pop rbx
	ret

list_pop:
	push rax
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov rsi, qword ptr [rdx]
	test rsi, rsi
	je L6
	lea r8, [rip + L7]
	mov qword ptr fs:[rsi + 8], r8
L2:
	movzx edi, word ptr fs:[rsi + 4]
	mov rsi, qword ptr [rdx + 8*rdi + 40]
	test rsi, rsi
	je L6
	add rsi, rax
	xor ecx, ecx
	cmp dword ptr [rsi + 8], 0
	jne L6
	mov rcx, qword ptr [rsi]
	test rcx, rcx
	je L6
	mov rdi, qword ptr [rcx]
	mov qword ptr [rsi], rdi
L3:
L4:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L5	; out of line
L6:
	test rsi, rsi
	je L8
L9:
	mov rax, rcx
	pop rcx
	ret

buffer_push:
	push rbp
	push r15
	push r14
	push rbx
	sub rsp, 40
	mov rax, rdi
	mov rcx, qword ptr [rdx + 16]
	mov qword ptr [rsp + 32], rcx
	movups xmm0, xmmword ptr [rdx]
	movaps xmmword ptr [rsp + 16], xmm0
	lea rcx, [rsp + 16]
	mov qword ptr [rsp + 8], rcx
	mov rdi, qword ptr [rsi + 24]
	test rdi, rdi
	je L1
L2:
	mov rsi, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	lea r8, [rsp + 16]
	mov r9d, 24
	mov r10d, 16
	mov r11d, 8
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov rbx, qword ptr [rsi]
	test rbx, rbx
	je L7
	lea r15, [rip + L8]
	mov qword ptr fs:[rbx + 8], r15
L3:
	movzx r14d, word ptr fs:[rbx + 4]
	mov rbx, qword ptr [rsi + 8*r14 + 40]
	test rbx, rbx
	je L7
	add rbx, rdi
	mov ecx, 1
	cmp dword ptr [rbx + 8], 0
	jne L7
	mov rbp, qword ptr [rbx]
	cmp rbp, r11
	jae L7
	mov r15, rbp
	imul r15, r9
	add r15, r10
	add r15, rbx
	mov r14, r9
L9:
	mov rcx, qword ptr [r8 + r14 - 8]
	mov qword ptr [r15 + r14 - 8], rcx
	sub r14, 8
	jne L9
	inc rbp
	xor ecx, ecx
	mov qword ptr [rbx], rbp
L4:
L5:
	lock inc qword ptr [rsi + 8]	; out of line
	jmp L6	; out of line
L7:
	test rbx, rbx
	je L10
	test rcx, rcx
	je L11
L12:
	mov rcx, qword ptr [rdx + 16]
	mov qword ptr [rax + 24], rcx
	movups xmm0, xmmword ptr [rdx]
	movups xmmword ptr [rax + 8], xmm0
	mov ecx, 1
	jmp L13
L1:
	mov rdi, rsi
	mov rbx, rax
	mov r14, rdx
	call qword ptr [rip + _ZN11percpu_core4home13Home$LT$T$GT$9first_useE@GOTPCREL]
	mov rdx, r14
	mov rdi, rax
	mov rax, rbx
	jmp L2
L10:
	lea rsi, [rsp + 8]
	mov rbx, rdx
	mov r14, rax
	call qword ptr [rip + _ZN11percpu_core4word4coldE@GOTPCREL]
	mov rdx, rbx
	mov ecx, eax
	mov rax, r14
	test cl, cl
	je L12
L11:
	xor ecx, ecx
L13:
	mov qword ptr [rax], rcx
	add rsp, 40
	pop rbx
	pop r14
	pop r15
	pop rbp
	ret

buffer_pop:
	push rbp
	push rbx
	sub rsp, 56
	mov rax, rsi
	mov rsi, qword ptr [rsi + 24]
	test rsi, rsi
	je L1
L2:
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	lea rdx, [rsp + 32]
	mov r8d, 24
	mov r9d, 16
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov r10, qword ptr [rcx]
	test r10, r10
	je L7
	lea rbp, [rip + L8]
	mov qword ptr fs:[r10 + 8], rbp
L3:
	movzx ebx, word ptr fs:[r10 + 4]
	mov r10, qword ptr [rcx + 8*rbx + 40]
	test r10, r10
	je L7
	add r10, rsi
	mov eax, 1
	cmp dword ptr [r10 + 8], 0
	jne L7
	mov r11, qword ptr [r10]
	sub r11, 1
	jb L7
	mov rbp, r11
	imul rbp, r8
	add rbp, r9
	add rbp, r10
	mov rbx, r8
L9:
	mov rax, qword ptr [rbp + rbx - 8]
	mov qword ptr [rdx + rbx - 8], rax
	sub rbx, 8
	jne L9
	xor eax, eax
	mov qword ptr [r10], r11
L4:
L5:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L6	; out of line
L7:
	test r10, r10
	je L10
	test rax, rax
	je L11
	xor eax, eax
	jmp L12
L11:
	mov rax, qword ptr [rsp + 48]
	mov qword ptr [rsp + 16], rax
	movups xmm0, xmmword ptr [rsp + 32]
	movaps xmmword ptr [rsp], xmm0
	mov eax, 1
L12:
	mov qword ptr [rdi], rax
	movaps xmm0, xmmword ptr [rsp]
	movups xmmword ptr [rdi + 8], xmm0
	mov rax, qword ptr [rsp + 16]
	mov qword ptr [rdi + 24], rax
L13:
	mov rax, rdi
	add rsp, 56
	pop rbx
	pop rbp
	ret

account_alloc:
	push r15
	push r14
	push rbx
	mov r14, rdx
	mov rbx, rsi
	mov r15, rdi
	cmp byte ptr [rdi + 192], 1
	jne L1
	lea rdi, [r15 + 128]
	mov rsi, r15
	mov rdx, r14
	call qword ptr [rip + _ZN11percpu_core10accounting5limit5Limit4takeE@GOTPCREL]
	test al, al
	je L2
L1:
	mov rax, qword ptr [r15 + 64]
	cmp rax, 1
	jbe L3
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L4
	; descriptor L5-L4
	; descriptor L6
L7:
	mov rdx, qword ptr [rcx]
	test rdx, rdx
	je L3
	lea rdi, [rip + L8]
	mov qword ptr fs:[rdx + 8], rdi
L4:
	movzx esi, word ptr fs:[rdx + 4]
	mov rdx, qword ptr [rcx + 8*rsi + 40]
	test rdx, rdx
	je L3
	add rdx, rax
	add qword ptr [rdx], 1
L5:
L6:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L7	; out of line
	mov rax, qword ptr [r15 + 64]
	cmp rax, 1
	jbe L9
L10:
	add rax, 8
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	mov rdx, qword ptr [rcx]
	test rdx, rdx
	je L9
	lea rdi, [rip + L15]
	mov qword ptr fs:[rdx + 8], rdi
L11:
	movzx esi, word ptr fs:[rdx + 4]
	mov rdx, qword ptr [rcx + 8*rsi + 40]
	test rdx, rdx
	je L9
	add rdx, rax
	add qword ptr [rdx], r14
L12:
L13:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L14	; out of line
	jmp L16
L2:
	xor ebx, ebx
L16:
	mov rax, rbx
	pop rbx
	pop r14
	pop r15
	ret

account_dealloc:
	push r14
	push rbx
	push rax
	mov rax, qword ptr [rdi + 64]
	cmp rax, 1
	jbe L1
	add rax, 16
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov rsi, qword ptr [rdx]
	test rsi, rsi
	je L1
	lea r9, [rip + L6]
	mov qword ptr fs:[rsi + 8], r9
L2:
	movzx r8d, word ptr fs:[rsi + 4]
	mov rsi, qword ptr [rdx + 8*r8 + 40]
	test rsi, rsi
	je L1
	add rsi, rax
	add qword ptr [rsi], 1
L3:
L4:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L5	; out of line
	mov rax, qword ptr [rdi + 64]
	cmp rax, 1
	jbe L7
L8:
	add rax, 24
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L9
	; descriptor L10-L9
	; descriptor L11
L12:
	mov rsi, qword ptr [rdx]
	test rsi, rsi
	je L7
	lea r9, [rip + L13]
	mov qword ptr fs:[rsi + 8], r9
L9:
	movzx r8d, word ptr fs:[rsi + 4]
	mov rsi, qword ptr [rdx + 8*r8 + 40]
	test rsi, rsi
	je L7
	add rsi, rax
	add qword ptr [rsi], rcx
L10:
L11:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L12	; out of line
	cmp byte ptr [rdi + 192], 1
	jne L14
L15:
	lea rax, [rdi + 128]
	mov rsi, rdi
	mov rdi, rax
	mov rdx, rcx
	add rsp, 8
	pop rbx
	pop r14
	jmp qword ptr [rip + _ZN11percpu_core10accounting5limit5Limit4giveE@GOTPCREL]
L1:
	mov edx, 1
	mov rbx, rdi
	mov esi, 2
	mov r14, rcx
	call qword ptr [rip + _ZN11percpu_core10accounting5words5Words4coldE@GOTPCREL]
	mov rdi, rbx
	mov rcx, r14
	mov rax, qword ptr [rdi + 64]
	cmp rax, 1
	ja L8
L7:
	mov rbx, rdi
	mov esi, 3
	mov rdx, rcx
	mov r14, rcx
	call qword ptr [rip + _ZN11percpu_core10accounting5words5Words4coldE@GOTPCREL]
	mov rdi, rbx
	mov rcx, r14
	cmp byte ptr [rdi + 192], 1
	je L15
L14:
	add rsp, 8
	pop rbx
	pop r14
	ret

add_within:
	push r15
	push r14
	push rbx
	mov rax, qword ptr [rsi + 24]
	test rax, rax
	je L1
L2:
	xor esi, esi
	mov r8, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov r9, qword ptr [r8]
	test r9, r9
	je L7
	lea r11, [rip + L8]
	mov qword ptr fs:[r9 + 8], r11
L3:
	movzx r10d, word ptr fs:[r9 + 4]
	mov r9, qword ptr [r8 + 8*r10 + 40]
	test r9, r9
	je L7
	add r9, rax
	cmp dword ptr [rdi], 0
	jne L9
	mov r10, qword ptr [r9]
	add r10, rdx
	sub r10, rsi
	cmp r10, rcx
	ja L9
	add qword ptr [r9], rdx
L4:
L5:
	lock inc qword ptr [r8 + 8]	; out of line
	jmp L6	; out of line
	mov sil, 1
L9:
	mov eax, esi
	pop rbx
	pop r14
	pop r15
	ret

enter:
	push rbx
	mov rax, qword ptr [rsi + 24]
	test rax, rax
	je L1
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov rsi, qword ptr [rdx]
	test rsi, rsi
	je L6
	lea r9, [rip + L7]
	mov qword ptr fs:[rsi + 8], r9
L2:
	movzx r8d, word ptr fs:[rsi + 4]
	mov rsi, qword ptr [rdx + 8*r8 + 40]
	test rsi, rsi
	je L6
	add rsi, rax
	mov ecx, dword ptr [rdi]
	and ecx, 1
	lea rsi, [rsi + 8*rcx]
	add qword ptr [rsi], 1
L3:
L4:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L5	; out of line
L6:
	test rsi, rsi
	je L8
L9:
	mov rax, rcx
	pop rbx
	ret

leave:
	push rbx
	mov rax, qword ptr [rsi + 24]
	test rax, rax
	je L1
L2:
	and edx, 1
	lea rdi, [rax + 8*rdx]
	mov rax, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	mov rcx, qword ptr [rax]
	test rcx, rcx
	je L7
	lea rsi, [rip + L8]
	mov qword ptr fs:[rcx + 8], rsi
L3:
	movzx edx, word ptr fs:[rcx + 4]
	mov rcx, qword ptr [rax + 8*rdx + 40]
	test rcx, rcx
	je L7
	add rcx, rdi
	sub qword ptr [rcx], 1
L4:
L5:
	lock inc qword ptr [rax + 8]	; out of line
	jmp L6	; out of line
	pop rbx
	ret

ref_get:
	mov rax, qword ptr [rdi]
	mov rcx, qword ptr [rax + 24]
	test rcx, rcx
	je L1
	lea rdx, [rax + 48]
	mov rsi, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov edi, 1
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov r8, qword ptr [rsi]
	test r8, r8
	je L1
	lea r10, [rip + L6]
	mov qword ptr fs:[r8 + 8], r10
L2:
	movzx r9d, word ptr fs:[r8 + 4]
	mov r8, qword ptr [rsi + 8*r9 + 40]
	test r8, r8
	je L1
	add r8, rcx
	cmp dword ptr [rdx], 0
	jne L1
	add qword ptr [r8], rdi
L3:
L4:
	lock inc qword ptr [rsi + 8]	; out of line
	jmp L5	; out of line
	ret

ref_put:
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L1
	lea rcx, [rdi + 48]
	mov rdx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov rsi, -1
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	mov r8, qword ptr [rdx]
	test r8, r8
	je L1
	lea r10, [rip + L6]
	mov qword ptr fs:[r8 + 8], r10
L2:
	movzx r9d, word ptr fs:[r8 + 4]
	mov r8, qword ptr [rdx + 8*r9 + 40]
	test r8, r8
	je L1
	add r8, rax
	cmp dword ptr [rcx], 0
	jne L1
	add qword ptr [r8], rsi
L3:
L4:
	lock inc qword ptr [rdx + 8]	; out of line
	jmp L5	; out of line
	ret

read_lock:
	push r14
	push rbx
	push rax
	mov eax, dword ptr [rdi + 32]
	test eax, eax
	jne L1
	lea rbx, [rdi + 48]
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L2
L3:
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov edx, 1
	; descriptor L4
	; descriptor L5-L4
	; descriptor L6
L7:
	mov rsi, qword ptr [rcx]
	test rsi, rsi
	je L8
	lea r9, [rip + L9]
	mov qword ptr fs:[rsi + 8], r9
L4:
	movzx r8d, word ptr fs:[rsi + 4]
	mov rsi, qword ptr [rcx + 8*r8 + 40]
	test rsi, rsi
	je L8
	add rsi, rax
	cmp dword ptr [rbx], 0
	jne L1
	add qword ptr [rsi], rdx
L5:
L6:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L7	; out of line
L10:
	mov rax, rdi
	add rsp, 8
	pop rbx
	pop r14
	ret

read_unlock:
	push r14
	push rbx
	push rax
	mov eax, dword ptr [rdi + 32]
	test eax, eax
	jne L1
	lea rbx, [rdi + 48]
	mov rax, qword ptr [rdi + 24]
	test rax, rax
	je L2
L3:
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	mov rdx, -1
	; descriptor L4
	; descriptor L5-L4
	; descriptor L6
L7:
	mov rsi, qword ptr [rcx]
	test rsi, rsi
	je L8
	lea r9, [rip + L9]
	mov qword ptr fs:[rsi + 8], r9
L4:
	movzx r8d, word ptr fs:[rsi + 4]
	mov rsi, qword ptr [rcx + 8*r8 + 40]
	test rsi, rsi
	je L8
	add rsi, rax
	cmp dword ptr [rbx], 0
	jne L1
	add qword ptr [rsi], rdx
L5:
L6:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L7	; out of line
L10:
	add rsp, 8
	pop rbx
	pop r14
	ret

magazine_get:
	mov rax, qword ptr [rdi + 128]
	mov rcx, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	mov r8, qword ptr [rcx]
	test r8, r8
	je L5
	lea r10, [rip + L6]
	mov qword ptr fs:[r8 + 8], r10
L1:
	movzx r9d, word ptr fs:[r8 + 4]
	mov r8, qword ptr [rcx + 8*r9 + 40]
	test r8, r8
	je L5
	add r8, rax
	mov r9, qword ptr [r8]
	sub r9, 1
	js L7
	mov rdx, qword ptr [r8 + 8*r9 + 8]
	mov qword ptr [r8], r9
L2:
L3:
	lock inc qword ptr [rcx + 8]	; out of line
	jmp L4	; out of line
L7:
	xor r8d, r8d	; out of line
	jmp L5	; out of line
L5:
	test r8, r8
	je L8
	xor eax, eax
	ret

magazine_put:
	mov rax, qword ptr [rdi + 128]
	lea rcx, [rdi + 144]
	mov r8, qword ptr [rip + _ZN11percpu_core5table5TABLEE@GOTPCREL]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	mov r9, qword ptr [r8]
	test r9, r9
	je L5
	lea r11, [rip + L6]
	mov qword ptr fs:[r9 + 8], r11
L1:
	movzx r10d, word ptr fs:[r9 + 4]
	mov r9, qword ptr [r8 + 8*r10 + 40]
	test r9, r9
	je L5
	add r9, rax
	mov r10, qword ptr [r9]
	cmp r10, qword ptr [rcx]
	jae L5
	mov qword ptr [r9 + 8*r10 + 8], rdx
	add r10, 1
	mov qword ptr [r9], r10
L2:
L3:
	lock inc qword ptr [r8 + 8]	; out of line
	jmp L4	; out of line
	ret
