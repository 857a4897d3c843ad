"""How all pictures look: colours, labels, legends, numbers, rendering."""
