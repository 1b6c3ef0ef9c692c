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

push:
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	mov x9, x0
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	ldr x10, [x9], #16
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	ldr x11, [x8]
	cbz x11, L5
	mrs x13, TPIDR_EL0
	add x13, x13, x11
	adrp x15, L6
	add x15, x15, :lo12:L6
	str x15, [x13, #8]
L1:
	ldrh w14, [x13, #4]
	add x11, x8, x14, lsl #3
	ldr x11, [x11, #40]
	cbz x11, L5
	add x11, x11, x10
	ldr x12, [x11]
	ldr x18, [x9]
	cmp x12, x18
	b.hs L7
	add x18, x11, x12, lsl #3
	str x1, [x18, #8]
	add x18, x12, #1
	str x18, [x11]
L2:
L3:
	add x18, x8, #8	; out of line
L8:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L8	; out of line
	b L4	; out of line
	b L5
L7:
	mov x11, #0
L5:
	cbz x11, L9
L10:
	mov x0, xzr
	ret

pop:
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	ldr x9, [x0]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	ldr x10, [x8]
	cbz x10, L5
	mrs x12, TPIDR_EL0
	add x12, x12, x10
	adrp x14, L6
	add x14, x14, :lo12:L6
	str x14, [x12, #8]
L1:
	ldrh w13, [x12, #4]
	add x10, x8, x13, lsl #3
	ldr x10, [x10, #40]
	cbz x10, L5
	add x10, x10, x9
	ldr x11, [x10]
	subs x11, x11, #1
	b.mi L7
	add x15, x10, x11, lsl #3
	ldr x1, [x15, #8]
	str x11, [x10]
L2:
L3:
	add x15, x8, #8	; out of line
L8:
	ldxr x14, [x15]	; out of line
	add x14, x14, #1	; out of line
	stxr w13, x14, [x15]	; out of line
	cbnz w13, L8	; out of line
	b L4	; out of line
	b L5
L7:
	mov x10, #0
L5:
	cbz x10, L9
	mov w0, #1
	ret

push_batch:
	mov x10, x0
	adrp x12, :got:_ZN11percpu_core5table5TABLEE
	mov w13, #30
	ldr x11, [x10], #16
	ldr x12, [x12, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	ldr x14, [x12]
	cbz x14, L5
	mrs x3, TPIDR_EL0
	add x3, x3, x14
	adrp x5, L6
	add x5, x5, :lo12:L6
	str x5, [x3, #8]
L1:
	ldrh w4, [x3, #4]
	add x14, x12, x4, lsl #3
	ldr x14, [x14, #40]
	cbz x14, L5
	add x14, x14, x11
	ldr x9, [x14]
	tbnz x9, #63, L5
	mov x15, x9
	mov x9, #0
	ldr x18, [x10]
	subs x18, x18, x15
	b.ls L5
	cmp x18, x13
	csel x18, x18, x13, lo
	cmp x18, x13
	b.lo L5
	mov x9, x18
	add x2, x14, x15, lsl #3
L7:
	sub x18, x18, #1
	ldr x6, [x1, x18, lsl #3]
	add x5, x2, x18, lsl #3
	str x6, [x5, #8]
	cbnz x18, L7
	add x15, x15, x9
	str x15, [x14]
L2:
L3:
	add x6, x12, #8	; out of line
L8:
	ldxr x5, [x6]	; out of line
	add x5, x5, #1	; out of line
	stxr w4, x5, [x6]	; out of line
	cbnz w4, L8	; out of line
	b L4	; out of line
L5:
	cbz x14, L9
	cmp x9, #1
	lsr x10, x9, #63
	str x9, [x8, #8]
	cset w11, lt
	strb w11, [x8]
	strb w10, [x8, #1]
	ret

pop_batch:
	adrp x11, :got:_ZN11percpu_core5table5TABLEE
	ldr x10, [x0]
	mov w12, #30
	ldr x11, [x11, :got_lo12:_ZN11percpu_core5table5TABLEE]
	mov w13, #1
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	ldr x14, [x11]
	cbz x14, L5
	mrs x3, TPIDR_EL0
	add x3, x3, x14
	adrp x5, L6
	add x5, x5, :lo12:L6
	str x5, [x3, #8]
L1:
	ldrh w4, [x3, #4]
	add x14, x11, x4, lsl #3
	ldr x14, [x14, #40]
	cbz x14, L5
	add x14, x14, x10
	ldr x9, [x14]
	tbnz x9, #63, L5
	mov x15, x9
	mov x9, #0
	cmp x15, x12
	csel x18, x15, x12, lo
	cmp x18, x13
	b.lo L5
	mov x9, x18
	sub x15, x15, x18
	add x2, x14, x15, lsl #3
L7:
	sub x18, x18, #1
	add x5, x2, x18, lsl #3
	ldr x6, [x5, #8]
	str x6, [x1, x18, lsl #3]
	cbnz x18, L7
	str x15, [x14]
L2:
L3:
	add x6, x11, #8	; out of line
L8:
	ldxr x5, [x6]	; out of line
	add x5, x5, #1	; out of line
	stxr w4, x5, [x6]	; out of line
	cbnz w4, L8	; out of line
	b L4	; out of line
L5:
	cbz x14, L9
	cmp x9, #1
	lsr x10, x9, #63
	str x9, [x8, #8]
	cset w11, lt
	strb w11, [x8]
	strb w10, [x8, #1]
	ret

pair_swap:
	stp x29, x30, [sp, #-32]!
	stp x20, x19, [sp, #16]
	mov x29, sp
	add x9, x0, #24
	mov x8, x0
	ldar x0, [x9]
	cbz x0, L1
	adrp x10, :got:_ZN11percpu_core5table5TABLEE
	ldr x10, [x10, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x11, [x10]
	cbz x11, L6
	mrs x12, TPIDR_EL0
	add x12, x12, x11
	adrp x14, L7
	add x14, x14, :lo12:L7
	str x14, [x12, #8]
L2:
	ldrh w13, [x12, #4]
	add x11, x10, x13, lsl #3
	ldr x11, [x11, #40]
	cbz x11, L6
	add x11, x11, x0
	ldr x13, [x11, #32]
	and x15, x13, #0x1
	add x15, x11, x15, lsl #4
	ldp x9, x8, [x15]
	add x13, x13, #1
	and x15, x13, #0x1
	add x15, x11, x15, lsl #4
	dmb ishst
	stp x1, x2, [x15]
	add x15, x11, #32
	stlr x13, [x15]
L3:
L4:
	add x15, x10, #8	; out of line
L8:
	ldxr x14, [x15]	; out of line
	add x14, x14, #1	; out of line
	stxr w13, x14, [x15]	; out of line
	cbnz w13, L8	; out of line
	b L5	; out of line
L6:
	cbz x11, L9
L10:
	mov x0, x9
	mov x1, x8
	ldp x20, x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

pair_compare_exchange:
	sub sp, sp, #128
	stp x29, x30, [sp, #64]
	str x23, [sp, #80]
	stp x22, x21, [sp, #96]
	stp x20, x19, [sp, #112]
	add x29, sp, #64
	add x10, x0, #24
	mov x9, x0
	ldar x0, [x10]
	cbz x0, L1
	adrp x11, :got:_ZN11percpu_core5table5TABLEE
	ldr x11, [x11, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x12, [x11]
	cbz x12, L6
	mrs x13, TPIDR_EL0
	add x13, x13, x12
	adrp x15, L7
	add x15, x15, :lo12:L7
	str x15, [x13, #8]
L2:
	ldrh w14, [x13, #4]
	add x12, x11, x14, lsl #3
	ldr x12, [x12, #40]
	cbz x12, L6
	add x12, x12, x0
	ldr x14, [x12, #32]
	and x18, x14, #0x1
	add x18, x12, x18, lsl #4
	ldp x9, x10, [x18]
	cmp x9, x1
	b.ne L6
	cmp x10, x2
	b.ne L6
	add x14, x14, #1
	and x18, x14, #0x1
	add x18, x12, x18, lsl #4
	dmb ishst
	stp x3, x4, [x18]
	add x18, x12, #32
	stlr x14, [x18]
L3:
L4:
	add x18, x11, #8	; out of line
L8:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L8	; out of line
	b L5	; out of line
L6:
	cbz x12, L9
L10:
	cmp x9, x1
	stp x9, x10, [x8, #8]
	ccmp x10, x2, #0, eq
	cset w10, ne
	str x10, [x8]
	ldp x20, x19, [sp, #112]
	ldr x23, [sp, #80]
	ldp x22, x21, [sp, #96]
	ldp x29, x30, [sp, #64]
	add sp, sp, #128
	ret

list_push:
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
	add x14, x10, #8
	ldar w14, [x14]
	mov x8, #1
	cbnz w14, L6
	ldr x14, [x10]
	str x14, [x1]
	mov x8, #0
	str x1, [x10]
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
	cbz x8, L11
L12:
	mov x0, x1
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

list_pop:
	stp x29, x30, [sp, #-16]!
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
	add x14, x10, #8
	ldar w14, [x14]
	mov x8, #0
	cbnz w14, L6
	ldr x8, [x10]
	cbz x8, L6
	ldr x14, [x8]
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
	ldp x29, x30, [sp], #16
	ret

buffer_push:
	sub sp, sp, #64
	stp x29, x30, [sp, #32]
	stp x20, x19, [sp, #48]
	add x29, sp, #32
	ldr q0, [x1]
	ldr x11, [x1, #16]
	mov x10, sp
	stur x10, [x29, #-8]
	add x10, x0, #24
	mov x9, x0
	str q0, [sp]
	mov x19, x1
	str x11, [sp, #16]
	ldar x0, [x10]
	cbz x0, L1
L2:
	adrp x10, :got:_ZN11percpu_core5table5TABLEE
	mov w11, #24
	mov w12, #16
	ldr x10, [x10, :got_lo12:_ZN11percpu_core5table5TABLEE]
	mov w13, #8
	mov x14, sp
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	ldr x15, [x10]
	cbz x15, L7
	mrs x1, TPIDR_EL0
	add x1, x1, x15
	adrp x3, L8
	add x3, x3, :lo12:L8
	str x3, [x1, #8]
L3:
	ldrh w2, [x1, #4]
	add x15, x10, x2, lsl #3
	ldr x15, [x15, #40]
	cbz x15, L7
	add x15, x15, x0
	add x4, x15, #8
	ldar w4, [x4]
	mov x9, #1
	cbnz w4, L7
	ldr x18, [x15]
	cmp x18, x13
	b.hs L7
	madd x3, x18, x11, x12
	add x3, x3, x15
	mov x2, x11
L9:
	sub x2, x2, #8
	ldr x4, [x14, x2]
	str x4, [x3, x2]
	cbnz x2, L9
	add x18, x18, #1
	mov x9, #0
	str x18, [x15]
L4:
L5:
	add x4, x10, #8	; out of line
L10:
	ldxr x3, [x4]	; out of line
	add x3, x3, #1	; out of line
	stxr w2, x3, [x4]	; out of line
	cbnz w2, L10	; out of line
	b L6	; out of line
L7:
	cbz x15, L11
	cbz x9, L12
L13:
	ldr q0, [x19]
	ldr x9, [x19, #16]
	stur q0, [x8, #8]
	str x9, [x8, #24]
	mov w9, #1
L12:
	str x9, [x8]
	ldp x20, x19, [sp, #48]
	ldp x29, x30, [sp, #32]
	add sp, sp, #64
	ret

buffer_pop:
	sub sp, sp, #96
	stp x29, x30, [sp, #64]
	str x19, [sp, #80]
	add x29, sp, #64
	add x10, x0, #24
	mov x9, x0
	ldar x0, [x10]
	cbz x0, L1
L2:
	adrp x10, :got:_ZN11percpu_core5table5TABLEE
	mov w11, #24
	mov w12, #16
	ldr x10, [x10, :got_lo12:_ZN11percpu_core5table5TABLEE]
	add x13, sp, #8
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	ldr x14, [x10]
	cbz x14, L7
	mrs x18, TPIDR_EL0
	add x18, x18, x14
	adrp x2, L8
	add x2, x2, :lo12:L8
	str x2, [x18, #8]
L3:
	ldrh w1, [x18, #4]
	add x14, x10, x1, lsl #3
	ldr x14, [x14, #40]
	cbz x14, L7
	add x14, x14, x0
	add x3, x14, #8
	ldar w3, [x3]
	mov x9, #1
	cbnz w3, L7
	ldr x15, [x14]
	cbz x15, L7
	sub x15, x15, #1
	madd x2, x15, x11, x12
	add x2, x2, x14
	mov x1, x11
L9:
	sub x1, x1, #8
	ldr x3, [x2, x1]
	str x3, [x13, x1]
	cbnz x1, L9
	mov x9, #0
	str x15, [x14]
L4:
L5:
	add x3, x10, #8	; out of line
L10:
	ldxr x2, [x3]	; out of line
	add x2, x2, #1	; out of line
	stxr w1, x2, [x3]	; out of line
	cbnz w1, L10	; out of line
	b L6	; out of line
L7:
	cbz x14, L11
	cbz x9, L12
	mov x9, xzr
	b L13
L12:
	ldr x9, [sp, #24]
	ldur q0, [sp, #8]
	str x9, [sp, #48]
	mov w9, #1
	str q0, [sp, #32]
L13:
	ldr q0, [sp, #32]
	str x9, [x8]
	ldr x9, [sp, #48]
	stur q0, [x8, #8]
	str x9, [x8, #24]
	ldp x29, x30, [sp, #64]
	ldr x19, [sp, #80]
	add sp, sp, #96
	ret

account_alloc:
	stp x29, x30, [sp, #-48]!
	stp x22, x21, [sp, #16]
	stp x20, x19, [sp, #32]
	mov x29, sp
	ldrb w8, [x0, #192]
	mov x20, x2
	mov x21, x0
	mov x19, x1
	cmp w8, #1
	b.ne L1
	add x0, x21, #128
	mov x1, x21
	mov x2, x20
	bl _ZN11percpu_core10accounting5limit5Limit4takeE
	cbz w0, L2
L1:
	add x8, x21, #64
	adrp x22, :got:_ZN11percpu_core5table5TABLEE
	ldar x8, [x8]
	ldr x22, [x22, :got_lo12:_ZN11percpu_core5table5TABLEE]
	cmp x8, #1
	b.ls L3
	; descriptor L4
	; descriptor L5-L4
	; descriptor L6
L7:
	ldr x9, [x22]
	cbz x9, L8
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L9
	add x12, x12, :lo12:L9
	str x12, [x10, #8]
L4:
	ldrh w11, [x10, #4]
	add x9, x22, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L8
	add x9, x9, x8
	ldr x13, [x9]
	add x13, x13, #1
	str x13, [x9]
L5:
L6:
	add x13, x22, #8	; out of line
L10:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L10	; out of line
	b L7	; out of line
L8:
	cbz x9, L3
	add x8, x21, #64
	ldar x8, [x8]
	cmp x8, #1
	b.ls L11
L12:
	add x8, x8, #8
	; descriptor L13
	; descriptor L14-L13
	; descriptor L15
L16:
	ldr x9, [x22]
	cbz x9, L17
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L18
	add x12, x12, :lo12:L18
	str x12, [x10, #8]
L13:
	ldrh w11, [x10, #4]
	add x9, x22, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L17
	add x9, x9, x8
	ldr x13, [x9]
	add x13, x13, x20
	str x13, [x9]
L14:
L15:
	add x13, x22, #8	; out of line
L19:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L19	; out of line
	b L16	; out of line
L17:
	cbz x9, L11
	mov x0, x19
	ldp x20, x19, [sp, #32]
	ldp x22, x21, [sp, #16]
	ldp x29, x30, [sp], #48
	ret

account_dealloc:
	stp x29, x30, [sp, #-48]!
	str x21, [sp, #16]
	stp x20, x19, [sp, #32]
	mov x29, sp
	adrp x20, :got:_ZN11percpu_core5table5TABLEE
	add x8, x0, #64
	ldr x20, [x20, :got_lo12:_ZN11percpu_core5table5TABLEE]
	ldar x8, [x8]
	cmp x8, #1
	b.ls L1
	add x8, x8, #16
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x9, [x20]
	cbz x9, L6
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L7
	add x12, x12, :lo12:L7
	str x12, [x10, #8]
L2:
	ldrh w11, [x10, #4]
	add x9, x20, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L6
	add x9, x9, x8
	ldr x13, [x9]
	add x13, x13, #1
	str x13, [x9]
L3:
L4:
	add x13, x20, #8	; out of line
L8:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L8	; out of line
	b L5	; out of line
L6:
	cbz x9, L1
	add x8, x0, #64
	ldar x8, [x8]
	cmp x8, #1
	b.ls L9
L10:
	add x8, x8, #24
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	ldr x9, [x20]
	cbz x9, L15
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L16
	add x12, x12, :lo12:L16
	str x12, [x10, #8]
L11:
	ldrh w11, [x10, #4]
	add x9, x20, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L15
	add x9, x9, x8
	ldr x13, [x9]
	add x13, x13, x3
	str x13, [x9]
L12:
L13:
	add x13, x20, #8	; out of line
L17:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L17	; out of line
	b L14	; out of line
L15:
	cbz x9, L9
	ldrb w8, [x0, #192]
	cmp w8, #1
	b.ne L18
L19:
	mov x1, x0
	add x0, x0, #128
	mov x2, x3
	ldp x20, x19, [sp, #32]
	ldr x21, [sp, #16]
	ldp x29, x30, [sp], #48
	b _ZN11percpu_core10accounting5limit5Limit4giveE
L1:
	mov w1, #2
	mov w2, #1
	mov x19, x0
	mov x21, x3
	bl _ZN11percpu_core10accounting5words5Words4coldE
	mov x3, x21
	mov x0, x19
	add x8, x19, #64
	ldar x8, [x8]
	cmp x8, #1
	b.hi L10
L9:
	mov w1, #3
	mov x2, x3
	mov x19, x0
	mov x20, x3
	bl _ZN11percpu_core10accounting5words5Words4coldE
	mov x3, x20
	mov x0, x19
	ldrb w8, [x19, #192]
	cmp w8, #1
	b.eq L19
L18:
	ldp x20, x19, [sp, #32]
	ldr x21, [sp, #16]
	ldp x29, x30, [sp], #48
	ret

add_within:
	stp x29, x30, [sp, #-48]!
	str x21, [sp, #16]
	stp x20, x19, [sp, #32]
	mov x29, sp
	add x8, x1, #24
	ldar x8, [x8]
	cbz x8, L1
	adrp x10, :got:_ZN11percpu_core5table5TABLEE
	mov x11, xzr
	ldr x10, [x10, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x12, [x10]
	cbz x12, L6
	mrs x13, TPIDR_EL0
	add x13, x13, x12
	adrp x15, L7
	add x15, x15, :lo12:L7
	str x15, [x13, #8]
L2:
	ldrh w14, [x13, #4]
	add x12, x10, x14, lsl #3
	ldr x12, [x12, #40]
	cbz x12, L6
	add x12, x12, x8
	mov x9, #-1
	ldar w18, [x0]
	cbnz w18, L6
	mov x9, #1
	ldr x18, [x12]
	add x18, x18, x2
	sub x14, x18, x11
	cmp x14, x3
	b.hi L6
	mov x9, #0
	str x18, [x12]
L3:
L4:
	add x18, x10, #8	; out of line
L8:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L8	; out of line
	b L5	; out of line
L6:
	cbz x12, L9
L10:
	cmp x9, #0
	cset w0, eq
	ldp x20, x19, [sp, #32]
	ldr x21, [sp, #16]
	ldp x29, x30, [sp], #48
	ret

enter:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	add x8, x1, #24
	ldar x8, [x8]
	cbz x8, L1
	adrp x10, :got:_ZN11percpu_core5table5TABLEE
	ldr x10, [x10, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x11, [x10]
	cbz x11, L6
	mrs x12, TPIDR_EL0
	add x12, x12, x11
	adrp x14, L7
	add x14, x14, :lo12:L7
	str x14, [x12, #8]
L2:
	ldrh w13, [x12, #4]
	add x11, x10, x13, lsl #3
	ldr x11, [x11, #40]
	cbz x11, L6
	add x11, x11, x8
	ldar w9, [x0]
	and x9, x9, #0x1
	add x11, x11, x9, lsl #3
	ldr x15, [x11]
	add x15, x15, #1
	str x15, [x11]
L3:
L4:
	add x15, x10, #8	; out of line
L8:
	ldxr x14, [x15]	; out of line
	add x14, x14, #1	; out of line
	stxr w13, x14, [x15]	; out of line
	cbnz w13, L8	; out of line
	b L5	; out of line
L6:
	cbz x11, L9
L10:
	mov x0, x9
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

leave:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	add x8, x1, #24
	ldar x0, [x8]
	cbz x0, L1
	ubfiz x8, x2, #3, #1
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	add x0, x0, x8
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x8, [x9]
	cbz x8, L6
	mrs x10, TPIDR_EL0
	add x10, x10, x8
	adrp x12, L7
	add x12, x12, :lo12:L7
	str x12, [x10, #8]
L2:
	ldrh w11, [x10, #4]
	add x8, x9, x11, lsl #3
	ldr x8, [x8, #40]
	cbz x8, L6
	add x8, x8, x0
	ldr x13, [x8]
	sub x13, x13, #1
	str x13, [x8]
L3:
L4:
	add x13, x9, #8	; out of line
L8:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L8	; out of line
	b L5	; out of line
L6:
	cbz x8, L9
L10:
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

ref_get:
	ldr x0, [x0]
	add x8, x0, #24
	ldar x8, [x8]
	cbz x8, L1
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	add x10, x0, #48
	mov w11, #1
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x12, [x9]
	cbz x12, L6
	mrs x14, TPIDR_EL0
	add x14, x14, x12
	adrp x18, L7
	add x18, x18, :lo12:L7
	str x18, [x14, #8]
L2:
	ldrh w15, [x14, #4]
	add x12, x9, x15, lsl #3
	ldr x12, [x12, #40]
	cbz x12, L6
	add x12, x12, x8
	mov x13, #-1
	ldar w1, [x10]
	cbnz w1, L6
	mov x13, #0
	ldr x1, [x12]
	add x1, x1, x11
	str x1, [x12]
L3:
L4:
	add x1, x9, #8	; out of line
L8:
	ldxr x18, [x1]	; out of line
	add x18, x18, #1	; out of line
	stxr w15, x18, [x1]	; out of line
	cbnz w15, L8	; out of line
	b L5	; out of line
L6:
	cmp x12, #0
	ccmp x13, #0, #0, ne
	b.ne L1
	ret

ref_put:
	add x8, x0, #24
	ldar x8, [x8]
	cbz x8, L1
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	add x10, x0, #48
	mov x11, #-1
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L2
	; descriptor L3-L2
	; descriptor L4
L5:
	ldr x12, [x9]
	cbz x12, L6
	mrs x14, TPIDR_EL0
	add x14, x14, x12
	adrp x18, L7
	add x18, x18, :lo12:L7
	str x18, [x14, #8]
L2:
	ldrh w15, [x14, #4]
	add x12, x9, x15, lsl #3
	ldr x12, [x12, #40]
	cbz x12, L6
	add x12, x12, x8
	mov x13, #-1
	ldar w1, [x10]
	cbnz w1, L6
	mov x13, #0
	ldr x1, [x12]
	add x1, x1, x11
	str x1, [x12]
L3:
L4:
	add x1, x9, #8	; out of line
L8:
	ldxr x18, [x1]	; out of line
	add x18, x18, #1	; out of line
	stxr w15, x18, [x1]	; out of line
	cbnz w15, L8	; out of line
	b L5	; out of line
L6:
	cmp x12, #0
	ccmp x13, #0, #0, ne
	b.ne L1
	ret

read_lock:
	stp x29, x30, [sp, #-32]!
	stp x20, x19, [sp, #16]
	mov x29, sp
	add x8, x0, #32
	ldar w8, [x8]
	cbnz w8, L1
	add x8, x0, #24
	add x20, x0, #48
	ldar x8, [x8]
	cbz x8, L2
	adrp x10, :got:_ZN11percpu_core5table5TABLEE
	mov w11, #1
	ldr x10, [x10, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	ldr x12, [x10]
	cbz x12, L7
	mrs x13, TPIDR_EL0
	add x13, x13, x12
	adrp x15, L8
	add x15, x15, :lo12:L8
	str x15, [x13, #8]
L3:
	ldrh w14, [x13, #4]
	add x12, x10, x14, lsl #3
	ldr x12, [x12, #40]
	cbz x12, L7
	add x12, x12, x8
	mov x9, #-1
	ldar w18, [x20]
	cbnz w18, L7
	mov x9, #0
	ldr x18, [x12]
	add x18, x18, x11
	str x18, [x12]
L4:
L5:
	add x18, x10, #8	; out of line
L9:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L9	; out of line
	b L6	; out of line
L7:
	cbz x12, L10
L11:
	cbnz x9, L1
L12:
	ldp x20, x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

read_unlock:
	stp x29, x30, [sp, #-32]!
	stp x20, x19, [sp, #16]
	mov x29, sp
	add x8, x0, #32
	ldar w8, [x8]
	cbnz w8, L1
	add x8, x0, #24
	add x20, x0, #48
	ldar x8, [x8]
	cbz x8, L2
	adrp x10, :got:_ZN11percpu_core5table5TABLEE
	mov x11, #-1
	ldr x10, [x10, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L3
	; descriptor L4-L3
	; descriptor L5
L6:
	ldr x12, [x10]
	cbz x12, L7
	mrs x13, TPIDR_EL0
	add x13, x13, x12
	adrp x15, L8
	add x15, x15, :lo12:L8
	str x15, [x13, #8]
L3:
	ldrh w14, [x13, #4]
	add x12, x10, x14, lsl #3
	ldr x12, [x12, #40]
	cbz x12, L7
	add x12, x12, x8
	mov x9, #-1
	ldar w18, [x20]
	cbnz w18, L7
	mov x9, #0
	ldr x18, [x12]
	add x18, x18, x11
	str x18, [x12]
L4:
L5:
	add x18, x10, #8	; out of line
L9:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L9	; out of line
	b L6	; out of line
L7:
	cbz x12, L10
L11:
	cbnz x9, L1
L12:
	ldp x20, x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

magazine_get:
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	ldr x10, [x0, #128]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	ldr x11, [x9]
	cbz x11, L5
	mrs x13, TPIDR_EL0
	add x13, x13, x11
	adrp x15, L6
	add x15, x15, :lo12:L6
	str x15, [x13, #8]
L1:
	ldrh w14, [x13, #4]
	add x11, x9, x14, lsl #3
	ldr x11, [x11, #40]
	cbz x11, L5
	add x11, x11, x10
	ldr x12, [x11]
	subs x12, x12, #1
	b.mi L7
	add x18, x11, x12, lsl #3
	ldr x8, [x18, #8]
	str x12, [x11]
L2:
L3:
	add x18, x9, #8	; out of line
L8:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L8	; out of line
	b L4	; out of line
	b L5
L7:
	mov x11, #0
L5:
	cbz x11, L9
	mov x0, xzr
	mov x1, x8
	ret

magazine_put:
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x0, #128]
	add x10, x0, #144
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L1
	; descriptor L2-L1
	; descriptor L3
L4:
	ldr x11, [x9]
	cbz x11, L5
	mrs x13, TPIDR_EL0
	add x13, x13, x11
	adrp x15, L6
	add x15, x15, :lo12:L6
	str x15, [x13, #8]
L1:
	ldrh w14, [x13, #4]
	add x11, x9, x14, lsl #3
	ldr x11, [x11, #40]
	cbz x11, L5
	add x11, x11, x8
	ldr x12, [x11]
	ldr x18, [x10]
	cmp x12, x18
	b.hs L7
	add x18, x11, x12, lsl #3
	str x2, [x18, #8]
	add x18, x12, #1
	str x18, [x11]
L2:
L3:
	add x18, x9, #8	; out of line
L8:
	ldxr x15, [x18]	; out of line
	add x15, x15, #1	; out of line
	stxr w14, x15, [x18]	; out of line
	cbnz w14, L8	; out of line
	b L4	; out of line
	b L5
L7:
	mov x11, #0
L5:
	cbz x11, L9
	ret
