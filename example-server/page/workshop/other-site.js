// What a page of an attacker does as soon as somebody looks at it.
document.querySelector('form').submit()
