; rustc 1.95.0, aarch64-unknown-linux-gnu, --release: ci/asm.sh --bless

inc_static:
	stp x29, x30, [sp, #-16]!
	mov x29, sp
	adrp x8, _ZN5paths4WORDE+24
	add x8, x8, :lo12:_ZN5paths4WORDE+24
	ldar x0, [x8]
	cbz x0, L1
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x9, [x8]
	cbz x9, L6
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L7
	add x12, x12, :lo12:L7
	str x12, [x10, #8]
L2:
	ldrh w11, [x10, #4]
	add x9, x8, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L6
	add x9, x9, x0
	ldr x13, [x9]
	add x13, x13, #1
	str x13, [x9]
L3:
L4:
	add x13, x8, #8	; out of line
L8:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L8	; out of line
	b L5	; out of line
L6:
	cbz x9, L9
L10:
	ldp x29, x30, [sp], #16
	ret

inc:
	stp x29, x30, [sp, #-16]!
	mov x29, sp
	add x9, x0, #24
	mov x8, x0
	ldar x0, [x9]
	cbz x0, L1
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x9, [x8]
	cbz x9, L6
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L7
	add x12, x12, :lo12:L7
	str x12, [x10, #8]
L2:
	ldrh w11, [x10, #4]
	add x9, x8, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L6
	add x9, x9, x0
	ldr x13, [x9]
	add x13, x13, #1
	str x13, [x9]
L3:
L4:
	add x13, x8, #8	; out of line
L8:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L8	; out of line
	b L5	; out of line
L6:
	cbz x9, L9
L10:
	ldp x29, x30, [sp], #16
	ret

add:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	add x9, x0, #24
	mov x8, x0
	ldar x0, [x9]
	cbz x0, L1
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x9, [x8]
	cbz x9, L6
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L7
	add x12, x12, :lo12:L7
	str x12, [x10, #8]
L2:
	ldrh w11, [x10, #4]
	add x9, x8, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L6
	add x9, x9, x0
	ldr x13, [x9]
	add x13, x13, x1
	str x13, [x9]
L3:
L4:
	add x13, x8, #8	; out of line
L8:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L8	; out of line
	b L5	; out of line
L6:
	cbz x9, L9
L10:
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

add_u32:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	add x9, x0, #24
	mov x8, x0
	ldar x0, [x9]
	cbz x0, L1
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	mov w9, w1
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x10, [x8]
	cbz x10, L6
	mrs x11, TPIDR_EL0
	add x11, x11, x10
	adrp x13, L7
	add x13, x13, :lo12:L7
	str x13, [x11, #8]
L2:
	ldrh w12, [x11, #4]
	add x10, x8, x12, lsl #3
	ldr x10, [x10, #40]
	cbz x10, L6
	add x10, x10, x0
	ldr w14, [x10]
	add w14, w14, w9
	str w14, [x10]
L3:
L4:
	add x14, x8, #8	; out of line
L8:
	ldxr x13, [x14]	; out of line
	add x13, x13, #1	; out of line
	stxr w12, x13, [x14]	; out of line
	cbnz w12, L8	; out of line
	b L5	; out of line
L6:
	cbz x10, L9
L10:
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

fetch_add:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	add x9, x0, #24
	mov x8, x0
	ldar x0, [x9]
	cbz x0, L1
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x10, [x9]
	cbz x10, L6
	mrs x11, TPIDR_EL0
	add x11, x11, x10
	adrp x13, L7
	add x13, x13, :lo12:L7
	str x13, [x11, #8]
L2:
	ldrh w12, [x11, #4]
	add x10, x9, x12, lsl #3
	ldr x10, [x10, #40]
	cbz x10, L6
	add x10, x10, x0
	ldr x8, [x10]
	add x14, x8, x1
	str x14, [x10]
L3:
L4:
	add x14, x9, #8	; out of line
L8:
	ldxr x13, [x14]	; out of line
	add x13, x13, #1	; out of line
	stxr w12, x13, [x14]	; out of line
	cbnz w12, L8	; out of line
	b L5	; out of line
L6:
	cbz x10, L9
L10:
	mov x0, x8
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

compare_exchange:
	stp x29, x30, [sp, #-32]!
	stp x20, x19, [sp, #16]
	mov x29, sp
	add x9, x0, #24
	mov x8, x0
	ldar x0, [x9]
	cbz x0, L1
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x10, [x9]
	cbz x10, L6
	mrs x11, TPIDR_EL0
	add x11, x11, x10
	adrp x13, L7
	add x13, x13, :lo12:L7
	str x13, [x11, #8]
L2:
	ldrh w12, [x11, #4]
	add x10, x9, x12, lsl #3
	ldr x10, [x10, #40]
	cbz x10, L6
	add x10, x10, x0
	ldr x8, [x10]
	cmp x8, x1
	b.ne L6
	str x2, [x10]
L3:
L4:
	add x14, x9, #8	; out of line
L8:
	ldxr x13, [x14]	; out of line
	add x13, x13, #1	; out of line
	stxr w12, x13, [x14]	; out of line
	cbnz w12, L8	; out of line
	b L5	; out of line
L6:
	cmp x8, x1
	cset w9, ne
	cbz x10, L9
L10:
	mov x0, x9
	mov x1, x8
	ldp x20, x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

try_lock:
	sub sp, sp, #80
	stp x29, x30, [sp, #48]
	stp x20, x19, [sp, #64]
	add x29, sp, #48
	add x9, x0, #24
	ldar x10, [x9]
	cbz x10, L1
	adrp x12, :got:_ZN11percpu_core5table5TABLEE
	ldr x12, [x12, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x9, [x12]
	cbz x9, L6
	mrs x13, TPIDR_EL0
	add x13, x13, x9
	adrp x15, L7
	add x15, x15, :lo12:L7
	str x15, [x13, #8]
L2:
	ldrh w14, [x13, #4]
	add x9, x12, x14, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L6
	add x9, x9, x10
	add x18, x9, #4
	ldar w11, [x18]
	cbnz w11, L6
	ldar w11, [x9]
	cbnz w11, L6
	mov w18, #1
	str w18, [x9]
L3:
L4:
	add x18, x12, #8	; out of line
L8:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L8	; out of line
	b L5	; out of line
L6:
	cbz x9, L1
	cbz w11, L9
	mov w9, #4
	strb w9, [x8, #24]
L10:
	ldp x20, x19, [sp, #64]
	ldp x29, x30, [sp, #48]
	add sp, sp, #80
	ret
