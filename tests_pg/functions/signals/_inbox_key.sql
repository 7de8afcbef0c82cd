-- The key of an inbox.
begin;
select plan(4);

select is(gendurable._inbox_key(7, 3), 7 * 65536::bigint + 3, 'the instance, then the number');
select is(gendurable._inbox_key(7, 65536), gendurable._inbox_key(7, 0), 'the number comes round');
select isnt(gendurable._inbox_key(7, 65535 + 1), gendurable._inbox_key(8, 0), 'and never meets another instance''s');
select is(gendurable._inbox_key(140737488355327, 65535), 9223372036854775807, 'there is room for 2^47 instances');

select * from finish();
rollback;
