foreach(file test_units test_syntax test_place test_options test_load test_cases test_generated)
  weir_test(config ${file} LINKS weir_config)
endforeach()

# With a validator at hand, the schema must judge tests/conf as the folders' names say.
if(EXISTS /usr/bin/python3)
  execute_process(COMMAND /usr/bin/python3 -c "import jsonschema" RESULT_VARIABLE no_jsonschema
                  OUTPUT_QUIET ERROR_QUIET)
  if(no_jsonschema EQUAL 0)
    add_test(NAME conf/schema COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tests/conf/schema_check.py)
    set_tests_properties(conf/schema PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endif()
