"""Generated programs as machine code of this machine, through LLVM. Only a compile imports what is in it."""
