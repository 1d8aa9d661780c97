"""Where rows come from: a vocabulary to declare it row by row, the rules that a declaration must keep, and shares of people's rows."""
