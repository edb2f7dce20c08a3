weir_test(cli test_cli LINKS weir_cli weir_control_rig)
