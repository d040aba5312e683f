"""What a disk image really is: recognised from its bytes as they pass, and refused where opening it would be unsafe."""
