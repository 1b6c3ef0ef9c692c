; rustc 1.95.0, aarch64-unknown-linux-gnu, --release: ci/asm.sh --bless

inc_static:
	stp x29, x30, [sp, #-16]!
	mov x29, sp
	adrp x8, _ZN5paths4WORDE+24
	ldr x0, [x8, :lo12:_ZN5paths4WORDE+24]
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
L1:
	adrp x0, _ZN5paths4WORDE
	add x0, x0, :lo12:_ZN5paths4WORDE
	bl _ZN11percpu_core4home13Home$LT$T$GT$9first_useE
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	ldr x9, [x8]
	cbz x9, L15
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L16
	add x12, x12, :lo12:L16
	str x12, [x10, #8]
L11:
	ldrh w11, [x10, #4]
	add x9, x8, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L15
	add x9, x9, x0
	ldr x13, [x9]
	add x13, x13, #1
	str x13, [x9]
L12:
L13:
	add x13, x8, #8	; out of line
L17:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L17	; out of line
	b L14	; out of line
L15:
	cbnz x9, L10
L9:
	ldp x29, x30, [sp], #16
	b _ZN11percpu_core4word4coldE

inc:
	stp x29, x30, [sp, #-16]!
	mov x29, sp
	mov x8, x0
	ldr x0, [x0, #24]
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
L1:
	mov x0, x8
	bl _ZN11percpu_core4home13Home$LT$T$GT$9first_useE
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	ldr x9, [x8]
	cbz x9, L15
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L16
	add x12, x12, :lo12:L16
	str x12, [x10, #8]
L11:
	ldrh w11, [x10, #4]
	add x9, x8, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L15
	add x9, x9, x0
	ldr x13, [x9]
	add x13, x13, #1
	str x13, [x9]
L12:
L13:
	add x13, x8, #8	; out of line
L17:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L17	; out of line
	b L14	; out of line
L15:
	cbnz x9, L10
L9:
	ldp x29, x30, [sp], #16
	b _ZN11percpu_core4word4coldE

add:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	mov x8, x0
	ldr x0, [x0, #24]
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
L1:
	mov x0, x8
	mov x19, x1
	bl _ZN11percpu_core4home13Home$LT$T$GT$9first_useE
	mov x1, x19
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	ldr x9, [x8]
	cbz x9, L15
	mrs x10, TPIDR_EL0
	add x10, x10, x9
	adrp x12, L16
	add x12, x12, :lo12:L16
	str x12, [x10, #8]
L11:
	ldrh w11, [x10, #4]
	add x9, x8, x11, lsl #3
	ldr x9, [x9, #40]
	cbz x9, L15
	add x9, x9, x0
	ldr x13, [x9]
	add x13, x13, x19
	str x13, [x9]
L12:
L13:
	add x13, x8, #8	; out of line
L17:
	ldxr x12, [x13]	; out of line
	add x12, x12, #1	; out of line
	stxr w11, x12, [x13]	; out of line
	cbnz w11, L17	; out of line
	b L14	; out of line
L15:
	cbnz x9, L10
L9:
	mov x2, x1
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	b _ZN11percpu_core4word4coldE

add_u32:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	mov x8, x0
	ldr x0, [x0, #24]
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
L1:
	mov x0, x8
	mov w19, w1
	bl _ZN11percpu_core4home13Home$LT$T$GT$9first_useE
	mov w1, w19
	adrp x8, :got:_ZN11percpu_core5table5TABLEE
	mov w9, w19
	ldr x8, [x8, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	ldr x10, [x8]
	cbz x10, L15
	mrs x11, TPIDR_EL0
	add x11, x11, x10
	adrp x13, L16
	add x13, x13, :lo12:L16
	str x13, [x11, #8]
L11:
	ldrh w12, [x11, #4]
	add x10, x8, x12, lsl #3
	ldr x10, [x10, #40]
	cbz x10, L15
	add x10, x10, x0
	ldr w14, [x10]
	add w14, w14, w9
	str w14, [x10]
L12:
L13:
	add x14, x8, #8	; out of line
L17:
	ldxr x13, [x14]	; out of line
	add x13, x13, #1	; out of line
	stxr w12, x13, [x14]	; out of line
	cbnz w12, L17	; out of line
	b L14	; out of line
L15:
	cbnz x10, L10
L9:
	mov w2, w1
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	b _ZN11percpu_core4word4coldE

fetch_add:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x29, sp
	mov x8, x0
	ldr x0, [x0, #24]
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
L1:
	mov x0, x8
	mov x19, x1
	bl _ZN11percpu_core4home13Home$LT$T$GT$9first_useE
	mov x1, x19
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	ldr x10, [x9]
	cbz x10, L15
	mrs x11, TPIDR_EL0
	add x11, x11, x10
	adrp x13, L16
	add x13, x13, :lo12:L16
	str x13, [x11, #8]
L11:
	ldrh w12, [x11, #4]
	add x10, x9, x12, lsl #3
	ldr x10, [x10, #40]
	cbz x10, L15
	add x10, x10, x0
	ldr x8, [x10]
	add x14, x8, x19
	str x14, [x10]
L12:
L13:
	add x14, x9, #8	; out of line
L17:
	ldxr x13, [x14]	; out of line
	add x13, x13, #1	; out of line
	stxr w12, x13, [x14]	; out of line
	cbnz w12, L17	; out of line
	b L14	; out of line
L15:
	cbnz x10, L10
L9:
	mov x2, x1
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	b _ZN11percpu_core4word4coldE

compare_exchange:
	stp x29, x30, [sp, #-32]!
	stp x20, x19, [sp, #16]
	mov x29, sp
	mov x8, x0
	ldr x0, [x0, #24]
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
L1:
	mov x0, x8
	mov x19, x2
	mov x20, x1
	bl _ZN11percpu_core4home13Home$LT$T$GT$9first_useE
	mov x1, x20
	mov x2, x19
	adrp x9, :got:_ZN11percpu_core5table5TABLEE
	ldr x9, [x9, :got_lo12:_ZN11percpu_core5table5TABLEE]
	; descriptor L11
	; descriptor L12-L11
	; descriptor L13
L14:
	ldr x10, [x9]
	cbz x10, L15
	mrs x11, TPIDR_EL0
	add x11, x11, x10
	adrp x13, L16
	add x13, x13, :lo12:L16
	str x13, [x11, #8]
L11:
	ldrh w12, [x11, #4]
	add x10, x9, x12, lsl #3
	ldr x10, [x10, #40]
	cbz x10, L15
	add x10, x10, x0
	ldr x8, [x10]
	cmp x8, x20
	b.ne L15
	str x19, [x10]
L12:
L13:
	add x14, x9, #8	; out of line
L17:
	ldxr x13, [x14]	; out of line
	add x13, x13, #1	; out of line
	stxr w12, x13, [x14]	; out of line
	cbnz w12, L17	; out of line
	b L14	; out of line
L15:
	cmp x8, x20
	cset w9, ne
	cbnz x10, L10
L9:
	mov x3, x1
	mov x4, x2
	bl _ZN11percpu_core4word4coldE
	ldp x20, x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

try_lock:
	sub sp, sp, #64
	stp x29, x30, [sp, #32]
	stp x20, x19, [sp, #48]
	add x29, sp, #32
	ldr x10, [x0, #24]
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
	b L10
L9:
	fmov d0, x9
	mov w9, #2
	str q0, [x8]
L10:
	strb w9, [x8, #16]
L11:
	ldp x20, x19, [sp, #48]
	ldp x29, x30, [sp, #32]
	add sp, sp, #64
	ret
L1:
	mov x20, x8
	mov x8, sp
	bl _ZN11percpu_core10local_lock96_$LT$impl$u20$percpu_core..copies..Copies$LT$percpu_core..local_lock..LocalLock$LT$T$GT$$GT$$GT$12attempt_coldE
	ldr w8, [sp]
	ldrb w9, [sp, #24]
	tbz w8, #0, L12
	ldr x19, [sp, #16]
	mov w8, #4
	cmp w9, #1
	strb w8, [x20, #16]
	b.hi L11
	tbnz w9, #0, L13
	adrp x8, :got:_RNvNtNtCs_3std9panicking11panic_count18GLOBAL_PANIC_COUNT
	ldr x8, [x8, :got_lo12:_RNvNtNtCs_3std9panicking11panic_count18GLOBAL_PANIC_COUNT]
	ldr x8, [x8]
	tst x8, #0x7fffffffffffffff
	b.ne L14
L13:
	mov w0, wzr
	mov x1, x19
	bl __aarch64_swp4_rel
	cmp w0, #2
	b.ne L11
	mov x0, x19
	ldp x20, x19, [sp, #48]
	ldp x29, x30, [sp, #32]
	add sp, sp, #64
	b _RNvMNtNtNtNtCs_3std3sys4sync5mutex5futexNtB2_5Mutex4wake
L12:
	ldur q0, [sp, #8]
	mov x8, x20
	str q0, [x20]
	b L10
L14:
	bl _RNvNtNtCs_3std9panicking11panic_count17is_zero_slow_path
	tbnz w0, #0, L13
	mov w8, #1
	strb w8, [x19, #4]
	b L13

unlock:
	stp x29, x30, [sp, #-48]!
	str x21, [sp, #16]
	stp x20, x19, [sp, #32]
	mov x29, sp
	ldrb w21, [x0, #16]
	mov w8, #2
	ldp x20, x19, [x0]
	subs w9, w21, #2
	csel w8, w8, w9, lo
	ands w8, w8, #0xff
	b.eq L1
	cmp w8, #1
	b.ne L2
	mov w0, wzr
	mov x1, x20
	bl __aarch64_swp4_rel
	cmp w0, #2
	b.eq L3
	b L4
L1:
	stlr wzr, [x20]
	ldr w8, [x20, #8]
	cbz w8, L4
L3:
	mov x0, x20
	bl _ZN11percpu_core3sys4sync8wake_allE
L4:
	cmp w21, #1
	b.hi L5
	tbnz w21, #0, L6
	adrp x8, :got:_RNvNtNtCs_3std9panicking11panic_count18GLOBAL_PANIC_COUNT
	ldr x8, [x8, :got_lo12:_RNvNtNtCs_3std9panicking11panic_count18GLOBAL_PANIC_COUNT]
	ldr x8, [x8]
	tst x8, #0x7fffffffffffffff
	b.ne L7
L6:
	mov w0, wzr
	mov x1, x19
	bl __aarch64_swp4_rel
	cmp w0, #2
	b.eq L8
L5:
	ldp x20, x19, [sp, #32]
	ldr x21, [sp, #16]
	ldp x29, x30, [sp], #48
	ret
L2:
	add x8, x20, #4
	stlr wzr, [x8]
	dmb ish
	ldr w9, [x20, #8]
	mov x20, x8
	cbnz w9, L3
	b L4
L8:
	mov x0, x19
	ldp x20, x19, [sp, #32]
	ldr x21, [sp, #16]
	ldp x29, x30, [sp], #48
	b _RNvMNtNtNtNtCs_3std3sys4sync5mutex5futexNtB2_5Mutex4wake
L7:
	bl _RNvNtNtCs_3std9panicking11panic_count17is_zero_slow_path
	tbnz w0, #0, L6
	mov w8, #1
	strb w8, [x19, #4]
	b L6
