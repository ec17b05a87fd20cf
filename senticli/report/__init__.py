"""Reports as one HTML file each: no script, no network, charts as inline SVG."""
