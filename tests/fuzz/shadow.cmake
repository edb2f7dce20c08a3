weir_fuzz(json_parse LINKS weir_shadow)
weir_fuzz(json_diff LINKS weir_shadow)
weir_fuzz(shadow_record LINKS weir_shadow)
weir_fuzz(content_coding LINKS weir_shadow)
