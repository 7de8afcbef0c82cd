-- Verify gendurable:grants on pg
begin;
do $$
begin
    assert not exists (
        select from pg_catalog.pg_proc as p
        where (p.pronamespace = 'gendurable'::regnamespace or p.pronamespace = 'public'::regnamespace and p.proname like 'gd\_%')
          and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a where a.grantee = 0)),
        'a function is granted to PUBLIC';
end
$$;
rollback;
