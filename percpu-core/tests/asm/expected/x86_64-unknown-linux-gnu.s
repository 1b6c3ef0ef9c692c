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
