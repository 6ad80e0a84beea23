"""May this version go on? The maths (statistics), the rules that people write (gate), and the judgements themselves."""
