"""Does a test fail when the code is wrong? Each mutation breaks one line that matters, and the tests must notice."""
