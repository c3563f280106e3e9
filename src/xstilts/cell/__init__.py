"""One cell, on the driver's side: check its config, fetch its inputs, plan its phases, and run the missing ones. No torch."""
