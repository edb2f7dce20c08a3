foreach(file test_match test_condition test_override test_split test_decide test_table test_snapshot test_explain)
  weir_test(router ${file} LINKS weir_router m)
endforeach()
