mod front_matter;
