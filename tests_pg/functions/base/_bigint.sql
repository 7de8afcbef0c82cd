-- A JSON number as bigint.
begin;
select plan(9);

select is(gendurable._bigint('7'), 7::bigint, 'a whole number is itself');
select is(gendurable._bigint('-9223372036854775808'), -9223372036854775808, 'the whole range is covered');
select is(gendurable._bigint('9223372036854775808'), null, 'a number out of range is null');
select is(gendurable._bigint('1.5'), null, 'a fraction is null');
select is(gendurable._bigint('"7"'), null, 'a string is null');
select is(gendurable._bigint('{}'), null, 'an object is null');
select is(gendurable._bigint(('[' || repeat('1e131071,', 8999) || '1]')::jsonb), null,
    'so is an array, however long its text is');
select is(gendurable._bigint('null'), null, 'a JSON null is null');
select is(gendurable._bigint(null), null, 'null is null');

select * from finish();
rollback;
