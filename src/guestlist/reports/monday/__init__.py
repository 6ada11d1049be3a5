"""The Monday mail: the last full week beside the week before, to staff who asked for it or were chosen."""
