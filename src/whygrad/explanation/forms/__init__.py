"""How a page looks: text for a terminal, LaTeX for paper, HTML for a browser."""
