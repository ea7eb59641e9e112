// A script that a page loads from somebody else: it runs with all rights of the page.
{
  const found = {
    localStorage: { ...localStorage },
    sessionStorage: { ...sessionStorage },
    'document.cookie': document.cookie
  }
  // A real one would send it to its own server now.
  document.dispatchEvent(new CustomEvent('dependency-found', { detail: found }))
}
