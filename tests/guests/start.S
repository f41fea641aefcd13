/* start.S - from the PVH entry (32-bit, flat) to main() in long mode.
 * The first 4 GiB are mapped onto themselves with 2 MiB pages. */
	.section .note.pvh, "a"
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start32

	.section .text.start, "ax"
	.code32
	.global start32
start32:
	cli
	mov	%ebx, start_info
	mov	$stack_top, %esp
	/* page tables: 4 directories of 512 pages of 2 MiB */
	mov	$pd, %edi
	mov	$0x83, %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	movl	$0, 4(%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b
	mov	$pd + 3, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
2:	mov	%eax, (%edi)
	add	$0x1000, %eax
	add	$8, %edi
	loop	2b
	movl	$pdpt + 3, pml4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000001, %eax
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$0x08, $start64

	.code64
start64:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_top, %rsp
	lidt	idt_pointer
	call	main
	call	power_off
3:	hlt
	jmp	3b

	/* Application processors start here in real mode, copied to 0x8000. */
	.global ap_start, ap_end
	.code16
ap_start:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lock incl 0x8ff0
4:	hlt
	jmp	4b
ap_end:
	.code64

	/* Interrupts count themselves by vector and are acknowledged. */
	.global interrupt_stubs
	.align 16
interrupt_stubs:
	.set	vector, 0
	.rept	256
	.align	16
	push	%rax
	lock incl interrupts + vector * 4
	jmp	interrupt_end
	.set	vector, vector + 1
	.endr
interrupt_end:
	mov	$0xfee000b0, %eax
	movl	$0, (%rax)
	pop	%rax
	iretq

	.data
	.align 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	23
	.long	gdt
	.align 8
idt_pointer:
	.word	4095
	.quad	idt
	.global start_info
start_info: .long 0, 0

	.bss
	.align 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
	.global idt, interrupts
idt:	.skip 4096
interrupts: .skip 1024
stack:	.skip 16384
stack_top:
	.section .note.GNU-stack, "", @progbits
