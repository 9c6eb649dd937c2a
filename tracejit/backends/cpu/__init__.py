"""Generated programs as machine code, through LLVM. Only a compile imports what is in it."""
