/* first.S - the first instruction of this guest is an exit, for the bench. */
	.section .note.pvh, "a"
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long start32
	.section .text.start, "ax"
	.code32
	.global start32
start32:
	out	%al, $0x80
1:	hlt
	jmp	1b
	.section .note.GNU-stack, "", @progbits
