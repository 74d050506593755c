"""The processes of ``examples/pipeline.py``, one module each, and what they share.

How a file travels::

    main ---- orders, reports (ROUTER - DEALER) ----> every stage
                                                                    progress
    ventilator == files (PUSH - PULL) ==> worker == results ==> sink ==> main
        ^                                   |     (PUSH - PULL)   (PUB - SUB)
        +---- rest of a large file ---------+
                   (REP - REQ)

===============  =====================================================================
`ventilator`     reads every file and hands it to whichever worker has room
`worker`         computes SHA-256, lines and bytes
`sink`           collects the results, publishes how far they are
`stage`          what the three have in common: encrypted sockets, orders, monitors
`wire`           the shape of every message, and the limits that bound memory
`files`          listing and reading files, and showing their names safely
`supervisor`     main's side: starts the stages, follows them, ends them
`check`          main's verdict: reads every file again and compares
`display`        what the user sees, on a terminal and in a log
===============  =====================================================================
"""
