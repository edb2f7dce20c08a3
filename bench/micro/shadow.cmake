weir_micro(shadow LINKS weir_shadow)
