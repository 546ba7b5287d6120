import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../generated/client';

const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL });

export default new PrismaClient({ adapter });
