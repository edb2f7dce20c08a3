weir_test(cli test_cli LINKS weir_cli weir_control_rig)
add_test(NAME unit/cli/patch COMMAND ${CMAKE_SOURCE_DIR}/tests/npm/run patch_check.js $<TARGET_FILE:weir>
         ${CMAKE_SOURCE_DIR}/tests/diff)
add_test(NAME unit/cli/wrong_lines COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/cli/wrong_lines.py
         $<TARGET_FILE:weir> ${CMAKE_SOURCE_DIR}/tests/control/command-lines.txt)
set_tests_properties(unit/cli/wrong_lines PROPERTIES TIMEOUT 120 LABELS unit)
set_tests_properties(unit/cli/patch PROPERTIES TIMEOUT 300 LABELS unit SKIP_RETURN_CODE 77)
