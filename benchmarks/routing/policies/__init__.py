"""The production policy and its peers behind one interface; `catalogue` names them."""
