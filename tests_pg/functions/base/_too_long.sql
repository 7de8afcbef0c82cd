-- How long a name or a key may be.
begin;
select plan(4);

select is(gendurable._too_long(repeat('é', 500)), false, '1,000 bytes');
select is(gendurable._too_long(repeat('é', 500) || 'x'), true, 'not a byte more');
select is(gendurable._too_long(''), false, 'an empty one is not too long');
select is(gendurable._too_long(null), null, 'nor is none');

select * from finish();
rollback;
