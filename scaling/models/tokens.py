"""Numbers of tokens that mean the same in every vocabulary."""

PAD, UNKNOWN, BEGIN, END, MASK = range(5)
