weir_fuzz(control_document LINKS weir_control)
