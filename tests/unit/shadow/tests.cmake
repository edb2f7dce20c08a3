add_library(shadow_test_support STATIC shadow/support.c)
target_link_libraries(shadow_test_support PUBLIC weir_shadow weir_test_support)
foreach(file test_diff test_jdoc test_decimal test_names test_rules test_properties test_bounds
        test_decode test_compare test_evidence test_settle test_parents test_record test_shadow test_report test_report_noise test_diff_files test_rulebook test_gate test_seeds test_readiness
        test_trie test_findings test_purge)
  weir_test(shadow ${file} LINKS shadow_test_support weir_shadow)
endforeach()
