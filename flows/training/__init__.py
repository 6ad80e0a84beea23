"""The program that DeepSpeed starts, and what it is made of.

Of this folder the flow itself uses only the specification, the lines, the curve and the launcher; none loads torch.
"""
