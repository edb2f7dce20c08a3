foreach(file test_bytes test_chunkq test_arena test_err test_clock test_digest test_timer test_mailbox test_loop test_work
             test_metrics test_scribe test_log test_suggest test_notify test_handover)
  weir_test(base ${file} LINKS weir_base)
endforeach()
