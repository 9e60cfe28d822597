"""Guestlist keeps Meta Custom Audiences exactly right, from your own machine."""
