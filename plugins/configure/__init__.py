"""Settings of the appliance as a whole: whom it tells what by mail."""
