weir_micro(base LINKS weir_base)
